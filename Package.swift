// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target of the house is compiled with.
let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "tidelock",
  products: [
    .library(name: "Tidelock", targets: ["Tidelock"]),
    .executable(name: "tidelock", targets: ["TidelockCommand"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/onevcat/Rainbow", from: "4.2.2"),
    .package(url: "https://github.com/ordo-one/TextTable", from: "0.0.2"),
  ],
  targets: [
    // Floor 0 to 2 know no operating system; Scripts/check compiles them as Embedded Swift too.
    .target(name: "LockPlatform", swiftSettings: strict),
    .target(name: "QueuedSpinlocks", dependencies: ["LockPlatform"], swiftSettings: strict),
    .target(name: "CodePatching", dependencies: ["LockPlatform"], swiftSettings: strict),
    .target(
      name: "LockSwitching", dependencies: ["LockPlatform", "QueuedSpinlocks", "CodePatching"],
      swiftSettings: strict),

    // The program, and what only it needs.
    .target(name: "ELFReader", swiftSettings: strict),
    .executableTarget(
      name: "TidelockCommand",
      dependencies: [
        "ELFReader",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Rainbow", package: "Rainbow"),
        .product(name: "TextTable", package: "TextTable"),
      ], swiftSettings: strict),

    .target(name: "TestFixtures", path: "Tests/TestFixtures", swiftSettings: strict),
    .testTarget(
      name: "ELFReaderTests", dependencies: ["ELFReader", "TestFixtures"], swiftSettings: strict),
    .testTarget(
      name: "TidelockCommandTests", dependencies: ["TidelockCommand", "TestFixtures"],
      swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
