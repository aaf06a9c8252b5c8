// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target of the house is compiled with when the house checks itself (Scripts/check).
///
/// Not in the builds of its users: `-Ounchecked` refuses to go with it, and a newer compiler's new
/// warning is no reason for a program not to build.
let strict: [SwiftSetting] =
  Context.environment["TIDELOCK_CHECK"] == nil
  ? []
  : [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
  ]

/// What runs in signal handlers is specialised in debug builds too: generic code that is not asks
/// the Swift runtime for types, which allocates and takes locks.
let optimized: [SwiftSetting] = [
  .unsafeFlags(
    [
      "-O", "-wmo", "-disable-batch-mode", "-num-threads", "2",
      // Keeps a list of each thread's accesses, which a handler would find half changed.
      "-enforce-exclusivity=unchecked",
    ], .when(configuration: .debug))
]

/// What a program does not use is not linked into it: in release builds the linker gets every function by
/// itself, and neither a function's being public nor a name in the metadata keeps it.
let sections: [SwiftSetting] = [
  .unsafeFlags(
    [
      "-Xfrontend", "-function-sections", "-Xfrontend", "-internalize-at-link",
      "-Xfrontend", "-disable-concrete-type-metadata-mangled-name-accessors",
    ], .when(configuration: .release))
]
let cSections: [CSetting] = [
  .unsafeFlags(["-ffunction-sections", "-fdata-sections"], .when(configuration: .release))
]

/// Compiled to be small: what no lock waits for.
let small: [SwiftSetting] = [.unsafeFlags(["-Osize"], .when(configuration: .release))]

/// Without the names of fields, which only a mirror asks for: what people print describes itself.
let opaque: [SwiftSetting] = [
  .unsafeFlags(["-Xfrontend", "-disable-reflection-metadata"], .when(configuration: .release))
]

/// Locks have an address of their own: the layout of Swift's `Mutex` and `Atomic`.
let rawLayout: [SwiftSetting] = [
  .enableExperimentalFeature("RawLayout"),
  .enableExperimentalFeature("BuiltinModule"),
  // What is replaced or passed inout would be a lock that others hold.
  .enableExperimentalFeature("StaticExclusiveOnly"),
]

/// What only the command line needs, and what only the service: whoever depends on the library and asks for
/// no traits resolves neither.
func tool(_ product: String, in package: String) -> Target.Dependency {
  .product(name: product, package: package, condition: .when(traits: ["Tools"]))
}
func service(_ product: String, in package: String) -> Target.Dependency {
  .product(name: product, package: package, condition: .when(traits: ["Service"]))
}

let package = Package(
  name: "tidelock",
  products: [
    .library(name: "Tidelock", targets: ["Tidelock"]),
    .library(name: "TidelockNIO", targets: ["TidelockNIO"]),
    .library(name: "TidelockService", targets: ["TidelockService"]),
    .executable(name: "tidelock", targets: ["TidelockCommand"]),
    // For Benchmarks, a package of its own; no part of the interface.
    .library(name: "_Runs", targets: ["Runs"]),
  ],
  traits: [
    .default(enabledTraits: ["Service", "Tools"]),
    .trait(name: "Service", description: "What TidelockService is made with."),
    .trait(name: "Tools", description: "What the command line tidelock is made with."),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    .package(url: "https://github.com/onevcat/Rainbow", from: "4.2.2"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    // For TidelockService alone.
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    // Floor 0 to 2 know no operating system; Scripts/check compiles them as Embedded Swift too.
    .target(name: "LockPlatform", swiftSettings: strict + optimized + sections + opaque),
    .target(
      name: "QueuedSpinlocks", dependencies: ["LockPlatform"],
      swiftSettings: strict + optimized + sections + opaque),
    .target(
      name: "CodePatching", dependencies: ["LockPlatform"],
      swiftSettings: strict + optimized + sections + opaque + small),
    .target(
      name: "LockSwitching", dependencies: ["LockPlatform", "QueuedSpinlocks", "CodePatching"],
      swiftSettings: strict + optimized + sections + opaque + small),

    .target(
      name: "SwitchPolicy", dependencies: ["LockPlatform"],
      swiftSettings: strict + optimized + sections + small),

    // Floor 3: a Linux program as the machine. The C targets hold what is not Swift: patch sites,
    // system calls.
    .target(name: "LockSites", cSettings: cSections),
    .target(name: "UserSpaceShims", dependencies: ["LockSites"], cSettings: cSections),
    .target(
      name: "ProgramPlatform",
      dependencies: [
        "LockPlatform", "QueuedSpinlocks", "CodePatching", "LockSwitching", "LockSites",
        "UserSpaceShims",
      ],
      swiftSettings: strict + optimized + sections + opaque),

    // What a program goes through, for the policy: of this program, or of another from outside.
    .target(
      name: "ProgramSamples", dependencies: ["SwitchPolicy"],
      swiftSettings: strict + sections + opaque + small),

    // Floor 4: the library.
    .target(
      name: "Tidelock",
      dependencies: [
        "LockPlatform", "CodePatching", "LockSwitching", "SwitchPolicy", "ProgramSamples",
        "ProgramPlatform", "UserSpaceShims", "LockSites",
      ],
      swiftSettings: strict + rawLayout + sections + opaque + small),

    // Locks in the shape of NIO's, which need nothing of it.
    .target(name: "TidelockNIO", dependencies: ["Tidelock"], swiftSettings: strict),

    // For servers: the policy as a service, with metrics and a log.
    .target(
      name: "TidelockService",
      dependencies: [
        "Tidelock",
        service("ServiceLifecycle", in: "swift-service-lifecycle"),
        service("Metrics", in: "swift-metrics"),
        service("Logging", in: "swift-log"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "TidelockServiceTests",
      dependencies: [
        "TidelockService", "Tidelock", "LockHarness", "SwitchPolicy", "LockSwitching",
        "LockPlatform",
        service("ServiceLifecycle", in: "swift-service-lifecycle"),
        service("MetricsTestKit", in: "swift-metrics"),
        service("Logging", in: "swift-log"),
      ],
      swiftSettings: strict),

    // The model checker and the models of the shipped code.
    .target(name: "Coroutines"),
    .target(
      name: "ModelChecker", dependencies: ["LockPlatform", "Coroutines"], swiftSettings: strict),
    .target(
      name: "ProtocolModels",
      dependencies: [
        "LockPlatform", "QueuedSpinlocks", "CodePatching", "LockSwitching", "ModelChecker",
      ],
      swiftSettings: strict),

    .testTarget(name: "ModelCheckerTests", dependencies: ["ModelChecker", "LockPlatform"]),
    .testTarget(
      name: "ProtocolModelsTests", dependencies: ["ProtocolModels", "ModelChecker"],
      exclude: ["Schedules"]),

    // Floor 4: one engine for all that the command line measures and shows.
    .target(
      name: "Runs",
      dependencies: [
        "CPUIdentification", tool("Mustache", in: "swift-mustache"), tool("Rainbow", in: "Rainbow"),
      ],
      resources: [
        .embedInCode("Templates/page.mustache"), .embedInCode("Templates/plot.mustache"),
        .embedInCode("Templates/spread.mustache"),
      ],
      swiftSettings: strict),

    // What a policy would have done on a trace of the past.
    .target(
      name: "PolicySimulation", dependencies: ["LockPlatform", "SwitchPolicy", "ProgramSamples"],
      swiftSettings: strict + optimized),
    .testTarget(
      name: "SwitchPolicyTests",
      dependencies: ["SwitchPolicy", "PolicySimulation", "ProgramSamples", "LockPlatform"],
      resources: [.copy("Traces")], swiftSettings: strict + optimized),

    // A process under load that switches: what the stress tests run.
    .target(
      name: "StressLoad", dependencies: ["LockSites"], path: "Tests/Fixtures/StressLoad"),
    .executableTarget(
      name: "SwitchStress", dependencies: ["Tidelock", "StressLoad"],
      path: "Tests/Fixtures/SwitchStress", swiftSettings: strict),
    .testTarget(name: "SwitchStressTests", dependencies: ["SwitchStress"]),

    .testTarget(
      name: "QueuedSpinlocksTests", dependencies: ["QueuedSpinlocks", "LockPlatform"]),
    .testTarget(name: "CodePatchingTests", dependencies: ["CodePatching", "LockPlatform"]),
    .testTarget(
      name: "LockSwitchingTests", dependencies: ["LockSwitching", "CodePatching", "LockPlatform"]),
    .testTarget(name: "RunsTests", dependencies: ["Runs"], swiftSettings: strict),

    // What the kernel module is told; compiles as Embedded Swift, too.
    .target(name: "GuestSiteTable", dependencies: ["LockPlatform"], swiftSettings: strict),

    // The program, and what only it needs.
    .target(name: "ELFReader", swiftSettings: strict),
    .target(
      name: "KernelImages",
      dependencies: [
        "LockPlatform", "LockSwitching", "GuestSiteTable", "ELFReader",
        tool("Subprocess", in: "swift-subprocess"),
        tool("SystemPackage", in: "swift-system"),
      ], swiftSettings: strict),
    .target(name: "CPUIdentification"),
    // Boots a stock kernel in QEMU, builds the modules of Guest/ for it, and talks to them.
    .target(
      name: "GuestTestBed",
      dependencies: [
        "KernelImages", "LockSwitching", "Tidelock",
        tool("Subprocess", in: "swift-subprocess"),
        tool("SystemPackage", in: "swift-system"),
      ], swiftSettings: strict),
    .executableTarget(
      name: "TidelockCommand",
      dependencies: [
        "LockPlatform", "CodePatching", "LockSwitching", "Tidelock", "ELFReader", "KernelImages",
        "Runs", "GuestTestBed", "ModelChecker", "ProtocolModels",
        "SwitchPolicy", "PolicySimulation", "ProgramSamples", "CPUIdentification",
        tool("ArgumentParser", in: "swift-argument-parser"),
        tool("Rainbow", in: "Rainbow"),
        tool("Subprocess", in: "swift-subprocess"),
        tool("SystemPackage", in: "swift-system"),
      ], swiftSettings: strict),

    .target(
      name: "CompiledFixtures", path: "Tests/Fixtures/CompiledFixtures", swiftSettings: strict),
    .testTarget(
      name: "GuestTestBedTests",
      dependencies: [
        "GuestTestBed", "KernelImages", "GuestSiteTable", "LockPlatform", "SwitchPolicy",
      ]),
    .testTarget(
      name: "ELFReaderTests", dependencies: ["ELFReader", "CompiledFixtures"], swiftSettings: strict
    ),
    .testTarget(
      name: "KernelImagesTests",
      dependencies: [
        "KernelImages", "GuestSiteTable", "ELFReader", "LockPlatform", "CompiledFixtures",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "TidelockCommandTests",
      dependencies: [
        "TidelockCommand", "Runs", "Tidelock", "GuestSiteTable", "GuestTestBed", "KernelImages",
        "CompiledFixtures",
      ],
      swiftSettings: strict),

    // Tests. What they share stands in Tests/Fixtures.
    .target(
      name: "TestShims", dependencies: ["LockSites", "UserSpaceShims"],
      path: "Tests/Fixtures/TestShims"),
    .target(
      name: "LockHarness", dependencies: ["Tidelock", "Runs", "UserSpaceShims", "TestShims"],
      path: "Tests/Fixtures/LockHarness", swiftSettings: strict),
    .testTarget(
      name: "TidelockTests",
      dependencies: [
        "Tidelock", "TidelockNIO", "LockPlatform", "LockSwitching", "LockHarness", "TestShims",
        "LockSites", "SwitchPolicy", "ProgramSamples",
      ],
      swiftSettings: strict + [.enableExperimentalFeature("SuppressedAssociatedTypes")]),
    .testTarget(
      name: "ProgramPlatformTests",
      dependencies: [
        "Tidelock", "LockSwitching", "LockHarness", "TestShims", "CompiledFixtures", "LockSites",
        "UserSpaceShims",
      ],
      swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
