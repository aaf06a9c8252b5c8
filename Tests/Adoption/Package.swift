// swift-tools-version: 6.2
import PackageDescription

// A package of somebody who has changed the import: Scripts/check-adoption builds it in every way that
// packages are built.
let package = Package(
  name: "adopter",
  dependencies: [.package(name: "tidelock", path: "../..", traits: [])],
  targets: [
    .executableTarget(
      name: "Adopter",
      dependencies: [
        .product(name: "Tidelock", package: "tidelock"),
        .product(name: "TidelockNIO", package: "tidelock"),
      ],
      swiftSettings: [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("ImmutableWeakCaptures"),
        .enableUpcomingFeature("InferIsolatedConformances"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
      ]),
    // Its size is looked at.
    .executableTarget(
      name: "Smallest", dependencies: [.product(name: "Tidelock", package: "tidelock")]),
  ]
)
