// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "server",
  products: [.executable(name: "server", targets: ["Server"])],
  dependencies: [
    .package(name: "tidelock", path: "../..", traits: ["Service"]),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    .target(
      name: "CountingServer",
      dependencies: [
        .product(name: "Tidelock", package: "tidelock"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "Server",
      dependencies: [
        "CountingServer",
        .product(name: "TidelockService", package: "tidelock"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "CountingServerTests",
      dependencies: [
        "CountingServer",
        .product(name: "TidelockService", package: "tidelock"),
      ],
      swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
