import CodePatching
import LockPlatform

// What people call these things: in reports, on the command line, in sysfs.

extension LockSet {
  /// `native`, `paravirtual` or `test-and-set`.
  public var name: StaticString {
    switch self {
    case .native: "native"
    case .paravirtual: "paravirtual"
    case .testAndSet: "test-and-set"
    }
  }
}

extension Implementation {
  /// `native`, `paravirtual`, `test-and-set` or `gate`.
  public var name: StaticString {
    switch self {
    case .native: "native"
    case .paravirtual: "paravirtual"
    case .testAndSet: "test-and-set"
    case .gate: "gate"
    }
  }
}

extension LockOperation {
  /// The operation's name in the kernel's `pv_lock_ops`, shortened.
  public var name: StaticString {
    switch self {
    case .slowPath: "slow-path"
    case .unlock: "unlock"
    case .wait: "wait"
    case .kick: "kick"
    case .vcpuIsPreempted: "vcpu-is-preempted"
    }
  }
}

extension SwitchProtocol {
  /// `staged`, `stop-machine` or `barrier`.
  public var name: StaticString {
    switch self {
    case .staged: "staged"
    case .stopMachine: "stop-machine"
    case .barrier: "barrier"
    }
  }
}

extension Phase {
  /// `gather`, `breakpoints`, `barrier` or `count`.
  public var name: StaticString {
    switch self {
    case .gather: "gather"
    case .breakpoints: "breakpoints"
    case .barrier: "barrier"
    case .count: "count"
    }
  }
}

extension StopMode {
  /// `task` or `nmi`.
  public var name: StaticString {
    switch self {
    case .task: "task"
    case .nmi: "nmi"
    }
  }
}

extension Accounting {
  /// `unlock` or `slow-path`: where a reference ends.
  public var name: StaticString {
    switch self {
    case .untilUnlock: "unlock"
    case .slowPathOnly: "slow-path"
    }
  }
}

extension SwitchReason {
  /// `operator`, `hint` or `policy`.
  public var name: StaticString {
    switch self {
    case .operator: "operator"
    case .hint: "hint"
    case .policy: "policy"
    }
  }
}

extension SwitchResult {
  /// `done`, `unchanged`, `refused`, `undone` or `stuck`.
  public var name: StaticString {
    switch self {
    case .done: "done"
    case .unchanged: "unchanged"
    case .refused: "refused"
    case .undone: "undone"
    case .stuck: "stuck"
    }
  }
}

extension PokeMethod {
  /// `store` or `breakpoint`.
  public var name: StaticString {
    switch self {
    case .store: "store"
    case .breakpoint: "breakpoint"
    }
  }
}
