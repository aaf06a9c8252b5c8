// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

// A package of its own: the core as a shared library is for these tests only.
let package = Package(
  name: "program-core",
  products: [.library(name: "programcore", type: .dynamic, targets: ["ProgramCore"])],
  dependencies: [.package(name: "tidelock", path: "../../..", traits: [])],
  targets: [
    .target(
      name: "ProgramCore", dependencies: [.product(name: "Tidelock", package: "tidelock")],
      swiftSettings: strict),
    // A Swift program with a core of its own, which loads a library of C's.
    .executableTarget(
      name: "SwiftHost", dependencies: [.product(name: "Tidelock", package: "tidelock")],
      swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
