// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

// A package of its own: users of Tidelock never resolve what only its benchmarks need.
let package = Package(
  name: "benchmarks",
  products: [
    .executable(name: "benchmarks", targets: ["LockBenchmarks"])
  ],
  dependencies: [
    .package(name: "tidelock", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    // What Swift cannot say: the timestamp counter, work that no compiler removes, CPU affinity.
    .target(name: "BenchmarkShims"),
    .executableTarget(
      name: "LockBenchmarks",
      dependencies: [
        "BenchmarkShims",
        .product(name: "Tidelock", package: "tidelock"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "_Runs", package: "tidelock"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "LockBenchmarksTests", dependencies: ["LockBenchmarks"], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
