// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target of the house is compiled with.
let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

/// Locks have an address of their own: the layout of Swift's `Mutex` and `Atomic`.
let rawLayout: [SwiftSetting] = [
  .enableExperimentalFeature("RawLayout"),
  .enableExperimentalFeature("BuiltinModule"),
]

let package = Package(
  name: "tidelock",
  products: [
    .library(name: "Tidelock", targets: ["Tidelock"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    // Floor 0 to 2 know no operating system; Scripts/check compiles them as Embedded Swift too.
    .target(name: "LockPlatform", swiftSettings: strict),
    .target(name: "QueuedSpinlocks", dependencies: ["LockPlatform"], swiftSettings: strict),
    .target(name: "CodePatching", dependencies: ["LockPlatform"], swiftSettings: strict),
    .target(
      name: "LockSwitching", dependencies: ["LockPlatform", "QueuedSpinlocks", "CodePatching"],
      swiftSettings: strict),

    // Floor 3: a Linux program as the machine. The C targets hold what is not Swift: atomic
    // instructions, patch sites, system calls.
    .target(name: "MachineAtomics"),
    .target(name: "LockSites"),
    .target(name: "UserSpaceShims", dependencies: ["LockSites", "MachineAtomics"]),
    .target(
      name: "UserSpacePlatform",
      dependencies: [
        "LockPlatform", "QueuedSpinlocks", "CodePatching", "LockSwitching", "MachineAtomics",
        "LockSites", "UserSpaceShims",
      ],
      swiftSettings: strict),

    // Floor 4: the library.
    .target(
      name: "Tidelock",
      dependencies: [
        "LockPlatform", "CodePatching", "LockSwitching", "UserSpacePlatform", "UserSpaceShims",
        "LockSites",
      ],
      swiftSettings: strict + rawLayout),

    // A process under load that switches: what the stress tests run.
    .target(
      name: "StressLoad", dependencies: ["LockSites"], path: "Tests/Fixtures/StressLoad"),
    .executableTarget(
      name: "SwitchStress", dependencies: ["Tidelock", "StressLoad"],
      path: "Tests/Fixtures/SwitchStress", swiftSettings: strict),
    .testTarget(name: "ProtocolTests", dependencies: ["SwitchStress"]),
    .testTarget(name: "CodePatchingTests", dependencies: ["CodePatching", "LockPlatform"]),
    .testTarget(
      name: "LockSwitchingTests", dependencies: ["LockSwitching", "CodePatching", "LockPlatform"]),
  ],
  swiftLanguageModes: [.v6]
)
