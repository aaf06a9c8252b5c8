import LockPlatform
import LockSwitching

extension SwitchReport: Encodable {
  private enum Key: String, CodingKey {
    case from, to, `protocol`, result, reason, microseconds, sites, breakpoints, steps
    case longestStall = "longest_stall_microseconds"
    case poke, drain, phase
  }

  /// The same object that `json` is the text of.
  public func encode(to encoder: any Encoder) throws {
    var object = encoder.container(keyedBy: Key.self)
    try object.encode(from.name.description, forKey: .from)
    try object.encode(to.name.description, forKey: .to)
    try object.encode(`protocol`.name.description, forKey: .protocol)
    try object.encode(result.name.description, forKey: .result)
    try object.encode(reason.name.description, forKey: .reason)
    try object.encode(microseconds(nanoseconds), forKey: .microseconds)
    try object.encode(sites, forKey: .sites)
    try object.encode(breakpoints, forKey: .breakpoints)
    try object.encode(microseconds(longestStall), forKey: .longestStall)
    var list = object.nestedUnkeyedContainer(forKey: .steps)
    for index in 0..<stepCount {
      let record = step(index)
      var entry = list.nestedContainer(keyedBy: Key.self)
      switch record.step {
      case .poke(let operation, let old, let new):
        try entry.encode(operation.name.description, forKey: .poke)
        try entry.encode(old.name.description, forKey: .from)
        try entry.encode(new.name.description, forKey: .to)
      case .drain(let body):
        try entry.encode(body.name.description, forKey: .drain)
      case .phase(let phase):
        try entry.encode(phase.name.description, forKey: .phase)
      }
      try entry.encode(microseconds(record.nanoseconds), forKey: .microseconds)
      try entry.encode(record.sites, forKey: .sites)
    }
  }

  private func microseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1000 }

  /// The report as one line of JSON.
  public var json: String {
    var bytes: [UInt8] = []
    writeJSON { bytes.append($0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension SwitchProtocol: CaseIterable, CustomStringConvertible {
  /// All three protocols, the default first.
  public static var allCases: [SwitchProtocol] { [.staged, .stopMachine, .barrier] }

  /// `staged`, `stop-machine` or `barrier`.
  public var description: String { name.description }
}

extension LockSet: CaseIterable, CustomStringConvertible {
  /// All three sets.
  public static var allCases: [LockSet] { [.native, .paravirtual, .testAndSet] }

  /// `native`, `paravirtual` or `test-and-set`.
  public var description: String { name.description }
}
