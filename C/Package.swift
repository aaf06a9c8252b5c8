// swift-tools-version: 6.2
import PackageDescription

// The library for C and C++, without need of Swift where it is used: Scripts/build-c-library builds it.
let package = Package(
  name: "tidelock-c",
  products: [.library(name: "TidelockC", type: .dynamic, targets: ["TidelockC"])],
  dependencies: [.package(name: "tidelock", path: "..", traits: [])],
  targets: [
    .target(
      name: "TidelockC", dependencies: [.product(name: "Tidelock", package: "tidelock")],
      swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)])
  ],
  swiftLanguageModes: [.v6]
)
