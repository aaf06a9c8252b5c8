/// Which CPUs have acted in a stretch of a schedule: what makes an endless one fair.
struct Turns: BitwiseCopyable {
  /// Which CPUs act in it; those whose stores are committed 8 bits higher.
  var acting: UInt32 = 0
  /// Which CPUs could not go on in some state of it; those with nothing to commit 8 bits higher.
  var resting: UInt32 = 0

  mutating func note(_ action: Action) { acting |= Self.bit(of: action) }

  mutating func note(_ machine: Machine) { resting |= Self.resting(in: machine) }

  mutating func add(_ other: Turns) {
    acting |= other.acting
    resting |= other.resting
  }

  /// Whether every CPU either acts or is at times unable to.
  func areFair(to cpus: Int) -> Bool { missing(of: cpus) == 0 }

  /// The CPUs that do neither.
  func missing(of cpus: Int) -> UInt32 { ((1 << UInt32(cpus)) - 1) * 0x101 & ~(acting | resting) }

  /// The CPUs that act.
  static func bit(of action: Action) -> UInt32 {
    switch action.kind {
    case .step: 1 << UInt32(action.cpu)
    case .commit: 0x100 << UInt32(action.cpu)
    // Finite in number, so never in a cycle.
    case .interrupt, .wakeUp: 0
    }
  }

  static func resting(in machine: Machine) -> UInt32 {
    var bits: UInt32 = 0
    for cpu in 0..<machine.cpuCount {
      if !machine.canStep(cpu) { bits |= 1 << UInt32(cpu) }
      if machine.cpus[cpu].bufferCount == 0 { bits |= 0x100 << UInt32(cpu) }
    }
    return bits
  }
}

extension Machine {
  /// Whether some CPU that must finish has not.
  var isUnfinished: Bool {
    for cpu in 0..<cpuCount where cpus[cpu].status != .finished && !program.cpus[cpu].isEndless {
      return true
    }
    return false
  }
}
