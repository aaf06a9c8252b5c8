import CodePatching
import LockPlatform
import LockSwitching
import SwitchPolicy

// What prints as people call it: in reports, on the command line, in sysfs.

extension LockSet: CaseIterable, CustomStringConvertible {
  /// All three sets.
  public static var allCases: [LockSet] { [.native, .paravirtual, .testAndSet] }

  /// `native`, `paravirtual` or `test-and-set`.
  public var description: String { name.description }
}

extension SwitchProtocol: CaseIterable, CustomStringConvertible {
  /// All three protocols, the default first.
  public static var allCases: [SwitchProtocol] { [.staged, .stopMachine, .barrier] }

  /// `staged`, `stop-machine` or `barrier`.
  public var description: String { name.description }
}

extension LockOperation: CustomStringConvertible {
  /// The operation's name in the kernel's `pv_lock_ops`, shortened.
  public var description: String { name.description }
}

extension Implementation: CustomStringConvertible {
  /// `native`, `paravirtual`, `test-and-set` or `gate`.
  public var description: String { name.description }
}

extension SwitchResult: CustomStringConvertible {
  /// `done`, `unchanged`, `refused`, `undone` or `stuck`.
  public var description: String { name.description }
}

extension SwitchReason: CustomStringConvertible {
  /// `operator`, `hint` or `policy`.
  public var description: String { name.description }
}

extension Phase: CustomStringConvertible {
  /// `gather`, `breakpoints`, `barrier` or `count`.
  public var description: String { name.description }
}

extension StopMode: CustomStringConvertible {
  /// `task` or `nmi`.
  public var description: String { name.description }
}

extension Accounting: CustomStringConvertible {
  /// `unlock` or `slow-path`: where a reference ends.
  public var description: String { name.description }
}

extension SwitchOptions: CustomStringConvertible {
  /// Both options by name.
  public var description: String { "stop mode \(stopMode), accounting \(accounting)" }
}

extension PokeMethod: CustomStringConvertible {
  /// `store` or `breakpoint`.
  public var description: String { name.description }
}

extension DedicationHint: CustomStringConvertible {
  /// `unknown`, `none` or `dedicated`.
  public var description: String { name.description }
}

extension PolicyReason: CustomStringConvertible {
  /// One word, as in a guest's `decisions`.
  public var description: String { name.description }
}

extension Batch: CustomStringConvertible {
  /// The operations that are in it: `unlock paravirtual, slow-path gate`.
  public var description: String {
    LockOperation.switchedOnes.compactMap { operation in
      self[operation].map { "\(operation) \($0)" }
    }.joined(separator: ", ")
  }
}

extension StepKind: CustomStringConvertible {
  /// `poke unlock native to paravirtual, ...`, `drain native` or a phase of a published protocol.
  public var description: String {
    switch self {
    case .poke(let old, let new):
      "poke "
        + LockOperation.switchedOnes.compactMap { operation in
          guard let old = old[operation], let new = new[operation] else { return nil }
          return "\(operation) \(old) to \(new)"
        }.joined(separator: ", ")
    case .drain(let body): "drain \(body)"
    case .phase(let phase): "\(phase)"
    }
  }
}

// MARK: Failures, in a few words; an error that is thrown has a sentence of its own

extension SwitchFailure: CustomStringConvertible {
  /// A few words; ``SwitchError`` has the sentence, with the way out.
  public var description: String {
    switch self {
    case .underWay: "another switch is under way"
    case .exiting: "the program's exit has begun"
    case .patch(let error): "\(error)"
    case .notDrained(let body): "the \(body) slow path was not left in time"
    case .breakpointsBlocked(let thread): "thread \(thread) blocks SIGTRAP"
    case .gatheringBlocked(let thread): "thread \(thread) blocks every signal that could gather it"
    case .noFreeSignal: "no signal is free to gather threads"
    case .notGathered(let thread): "thread \(thread) did not come in time"
    case .unchecked(let failure): "threads could not be looked up: \(failure)"
    case .notQuiescent(let references): "\(references) references were still counted"
    case .unsound: "operations that cannot be mixed are in place"
    case .unsupported: "the machine lacks what switching needs"
    case .noMemory: "there is no memory, or no key, for what switching must keep"
    }
  }
}

extension LookFailure: CustomStringConvertible {
  /// A few words.
  public var description: String {
    switch self {
    case .noDescriptor: "no file descriptor is left"
    case .noProc: "/proc is not there"
    case .otherNamespace: "/proc belongs to another pid namespace"
    case .refused(let error): "/proc/self cannot be read (error \(error))"
    }
  }
}

extension PatchError: CustomStringConvertible {
  /// A few words, with the site's address.
  public var description: String {
    func hex(_ number: UInt64) -> String { "0x" + String(number, radix: 16) }
    func hex(_ address: UInt) -> String { hex(UInt64(address)) }
    return switch self {
    case .noSites: "there are no patch sites"
    case .unknownBytes(let site, let found, let expected):
      "the site at \(hex(site)) holds \(hex(found)), expected \(hex(expected))"
    case .noForm(let site): "the site at \(hex(site)) has no form for the set"
    case .straddles(let site): "the site at \(hex(site)) crosses an aligned 8-byte word"
    case .notWritable(let site): "the text at \(hex(site)) cannot be written"
    case .notProtected(let site): "the text at \(hex(site)) cannot be made read-only again"
    case .notSerializable: "the processors cannot be serialized"
    }
  }
}

extension LockOperation {
  /// Those that sets differ in.
  static var switchedOnes: [LockOperation] { switched.indices.map { switched[$0] } }
}
