import LockPlatform
import LockSwitching

// Written out, by keys of one type: every program that is linked with the library has this, and what the
// compiler would write is five times as much.

extension SwitchReport: Codable {
  /// Encodes the object that `json` is the text of.
  public func encode(to encoder: any Encoder) throws {
    var object = encoder.container(keyedBy: Key.self)
    try object.encode(from.name.description, forKey: "from")
    try object.encode(to.name.description, forKey: "to")
    try object.encode(`protocol`.name.description, forKey: "protocol")
    try object.encode(result.name.description, forKey: "result")
    try object.encode(reason.name.description, forKey: "reason")
    try object.encode(microseconds(nanoseconds), forKey: "microseconds")
    try object.encode(sites, forKey: "sites")
    try object.encode(breakpoints, forKey: "breakpoints")
    try object.encode(microseconds(stallNanoseconds), forKey: "longest_stall_microseconds")
    var list = object.nestedUnkeyedContainer(forKey: "steps")
    for index in 0..<stepCount { try list.encode(step(index)) }
    if stepsLeftOut > 0 { try object.encode(stepsLeftOut, forKey: "steps_left_out") }
  }

  /// Decodes such an object.
  ///
  /// The failure is not in it.
  public init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Key.self)
    let request = SwitchRequest(
      to: try object.named("to") { (set: LockSet) in set.name },
      using: try object.named("protocol") { (protocol: SwitchProtocol) in `protocol`.name },
      poking: .store, timeLimit: 0,
      reason: try object.named("reason") { (reason: SwitchReason) in reason.name })
    self.init(request, from: try object.named("from") { (set: LockSet) in set.name })
    result = try object.named("result") { (result: SwitchResult) in result.name }
    nanoseconds = try object.nanoseconds("microseconds")
    breakpoints = try object.decode(UInt64.self, forKey: "breakpoints")
    stallNanoseconds = try object.nanoseconds("longest_stall_microseconds")
    var list = try object.nestedUnkeyedContainer(forKey: "steps")
    while !list.isAtEnd { add(try list.decode(ReportStep.self)) }
    stepsLeftOut += try object.decodeIfPresent(UInt32.self, forKey: "steps_left_out") ?? 0
    sites = try object.decode(UInt32.self, forKey: "sites")
  }

  /// The report as one line of JSON.
  public var json: String {
    var bytes: [UInt8] = []
    writeJSON { bytes.append($0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension ReportStep: Codable {
  /// Encodes an element of a report's `steps`.
  public func encode(to encoder: any Encoder) throws {
    var object = encoder.container(keyedBy: Key.self)
    switch kind {
    case .poke(let old, let new):
      var changes = object.nestedContainer(keyedBy: Key.self, forKey: "poke")
      for index in LockOperation.switched.indices {
        let operation = LockOperation.switched[index]
        guard let old = old[operation], let new = new[operation] else { continue }
        var change = changes.nestedContainer(
          keyedBy: Key.self, forKey: Key(stringValue: operation.name.description))
        try change.encode(old.name.description, forKey: "from")
        try change.encode(new.name.description, forKey: "to")
      }
    case .drain(let body): try object.encode(body.name.description, forKey: "drain")
    case .phase(let phase): try object.encode(phase.name.description, forKey: "phase")
    }
    if isUndo { try object.encode(true, forKey: "undo") }
    try object.encode(microseconds(nanoseconds), forKey: "microseconds")
    try object.encode(sites, forKey: "sites")
  }

  /// Decodes such an element.
  public init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Key.self)
    let kind: StepKind
    if object.contains("poke") {
      let changes = try object.nestedContainer(keyedBy: Key.self, forKey: "poke")
      var (old, new) = (Batch(), Batch())
      for key in changes.allKeys {
        let operation = try changes.value(key.stringValue, key) { (operation: LockOperation) in
          operation.name
        }
        let change = try changes.nestedContainer(keyedBy: Key.self, forKey: key)
        old[operation] = try change.named("from") { (body: Implementation) in body.name }
        new[operation] = try change.named("to") { (body: Implementation) in body.name }
      }
      kind = .poke(from: old, to: new)
    } else if object.contains("drain") {
      kind = .drain(try object.named("drain") { (body: Implementation) in body.name })
    } else {
      kind = .phase(try object.named("phase") { (phase: Phase) in phase.name })
    }
    self.init(
      kind: kind, isUndo: try object.decodeIfPresent(Bool.self, forKey: "undo") ?? false,
      nanoseconds: try object.nanoseconds("microseconds"),
      sites: try object.decode(UInt32.self, forKey: "sites"))
  }
}

private func microseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1000 }

/// Any key.
private struct Key: CodingKey, ExpressibleByStringLiteral {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init(stringLiteral: String) { stringValue = stringLiteral }
  init?(intValue: Int) { nil }
}

extension KeyedDecodingContainer<Key> {
  @inline(never)
  fileprivate func nanoseconds(_ key: Key) throws -> UInt64 {
    guard let value = UInt64(exactly: (try decode(Double.self, forKey: key) * 1000).rounded())
    else { throw damaged(key, "not a number of microseconds") }
    return value
  }

  /// What has the name that is a key's value.
  fileprivate func named<Value: RawRepresentable<UInt8>>(
    _ key: Key, _ name: (Value) -> StaticString
  ) throws -> Value {
    try value(decode(String.self, forKey: key), key, name)
  }

  /// What has a name.
  fileprivate func value<Value: RawRepresentable<UInt8>>(
    _ text: String, _ key: Key, _ name: (Value) -> StaticString
  ) throws -> Value {
    let number = try number(text, key) { Value(rawValue: $0).map(name) }
    guard let value = Value(rawValue: number) else { throw damaged(key, text) }
    return value
  }

  /// The number of what has a name.
  @inline(never)
  private func number(
    _ text: String, _ key: Key, _ name: (UInt8) -> StaticString?
  ) throws -> UInt8 {
    for number in UInt8.min...UInt8.max where name(number)?.description == text { return number }
    throw damaged(key, "\(text) is no name that is known here")
  }

  private func damaged(_ key: Key, _ what: String) -> DecodingError {
    .dataCorruptedError(forKey: key, in: self, debugDescription: what)
  }
}
