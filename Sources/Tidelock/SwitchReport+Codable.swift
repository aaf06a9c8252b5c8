import LockPlatform
import LockSwitching

extension SwitchReport: Codable {
  private enum Key: String, CodingKey {
    case from, to, `protocol`, result, reason, microseconds, sites, breakpoints, steps
    case longestStall = "longest_stall_microseconds"
    case stepsLeftOut = "steps_left_out"
  }

  /// Encodes the object that `json` is the text of.
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
    try object.encode(microseconds(stallNanoseconds), forKey: .longestStall)
    try object.encode((0..<stepCount).map(step), forKey: .steps)
    if stepsLeftOut > 0 { try object.encode(stepsLeftOut, forKey: .stepsLeftOut) }
  }

  /// Decodes such an object.
  ///
  /// The failure is not in it.
  public init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Key.self)
    let request = SwitchRequest(
      to: try object.decode(name: .to), using: try object.decode(name: .protocol), poking: .store,
      timeLimit: 0, reason: try object.decode(name: .reason))
    self.init(request, from: try object.decode(name: .from))
    result = try object.decode(name: .result)
    nanoseconds = try object.nanoseconds(.microseconds)
    breakpoints = try object.decode(UInt64.self, forKey: .breakpoints)
    stallNanoseconds = try object.nanoseconds(.longestStall)
    for step in try object.decode([ReportStep].self, forKey: .steps) { add(step) }
    stepsLeftOut += try object.decodeIfPresent(UInt32.self, forKey: .stepsLeftOut) ?? 0
    sites = try object.decode(UInt32.self, forKey: .sites)
  }

  /// The report as one line of JSON.
  public var json: String {
    var bytes: [UInt8] = []
    writeJSON { bytes.append($0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension ReportStep: Codable {
  private enum Key: String, CodingKey {
    case poke, drain, phase, undo, microseconds, sites
  }

  private struct Change: Codable {
    var from: String
    var to: String
  }

  /// Encodes an element of a report's `steps`.
  public func encode(to encoder: any Encoder) throws {
    var object = encoder.container(keyedBy: Key.self)
    switch kind {
    case .poke(let old, let new):
      var changes: [String: Change] = [:]
      for operation in LockOperation.switchedOnes {
        guard let old = old[operation], let new = new[operation] else { continue }
        changes[operation.name.description] = Change(
          from: old.name.description, to: new.name.description)
      }
      try object.encode(changes, forKey: .poke)
    case .drain(let body): try object.encode(body.name.description, forKey: .drain)
    case .phase(let phase): try object.encode(phase.name.description, forKey: .phase)
    }
    if isUndo { try object.encode(true, forKey: .undo) }
    try object.encode(Tidelock.microseconds(nanoseconds), forKey: .microseconds)
    try object.encode(sites, forKey: .sites)
  }

  /// Decodes an element of a report's `steps`.
  public init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Key.self)
    let kind: StepKind
    if let changes = try object.decodeIfPresent([String: Change].self, forKey: .poke) {
      var (old, new) = (Batch(), Batch())
      for (name, change) in changes {
        let operation: LockOperation = try object.named(name, .poke)
        old[operation] = try object.named(change.from, .poke)
        new[operation] = try object.named(change.to, .poke)
      }
      kind = .poke(from: old, to: new)
    } else if object.contains(.drain) {
      kind = .drain(try object.decode(name: .drain))
    } else {
      kind = .phase(try object.decode(name: .phase))
    }
    self.init(
      kind: kind, isUndo: try object.decodeIfPresent(Bool.self, forKey: .undo) ?? false,
      nanoseconds: try object.nanoseconds(.microseconds),
      sites: try object.decode(UInt32.self, forKey: .sites))
  }
}

private func microseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1000 }

// MARK: Names

/// Something that reports call by a name.
private protocol Named: RawRepresentable<UInt8> {
  var name: StaticString { get }
}

extension LockSet: Named {}
extension LockOperation: Named {}
extension Implementation: Named {}
extension SwitchProtocol: Named {}
extension SwitchResult: Named {}
extension SwitchReason: Named {}
extension Phase: Named {}

extension KeyedDecodingContainer {
  fileprivate func nanoseconds(_ key: Key) throws -> UInt64 {
    guard let value = UInt64(exactly: (try decode(Double.self, forKey: key) * 1000).rounded())
    else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: self, debugDescription: "not a number of microseconds")
    }
    return value
  }

  fileprivate func decode<Value: Named>(name key: Key) throws -> Value {
    try named(decode(String.self, forKey: key), key)
  }

  fileprivate func named<Value: Named>(_ name: String, _ key: Key) throws -> Value {
    for rawValue in UInt8.min...UInt8.max {
      if let value = Value(rawValue: rawValue), value.name.description == name { return value }
    }
    throw DecodingError.dataCorruptedError(
      forKey: key, in: self, debugDescription: "\(name) is not a name of \(Value.self)")
  }
}
