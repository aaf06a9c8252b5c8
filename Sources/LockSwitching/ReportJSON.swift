import LockPlatform

extension SwitchReport {
  /// Writes the report as one line of JSON, byte by byte, without allocation: for a kernel log.
  ///
  /// Durations are in microseconds with three decimals.
  package func writeJSON(_ put: (UInt8) -> Void) {
    var writer = JSONWriter()
    writer.open(put)
    writer.string("from", from.name, put)
    writer.string("to", to.name, put)
    writer.string("protocol", `protocol`.name, put)
    writer.string("result", result.name, put)
    writer.string("reason", reason.name, put)
    writer.microseconds("microseconds", nanoseconds, put)
    writer.integer("sites", UInt64(sites), put)
    writer.integer("breakpoints", breakpoints, put)
    writer.microseconds("longest_stall_microseconds", stallNanoseconds, put)
    writer.key("steps", put)
    writer.begin(0x5b, put)
    for index in 0..<stepCount {
      let record = step(index)
      writer.separate(put)
      writer.open(put)
      switch record.kind {
      case .poke(let old, let new):
        writer.key("poke", put)
        writer.open(put)
        for index in LockOperation.switched.indices {
          let operation = LockOperation.switched[index]
          guard let old = old[operation], let new = new[operation] else { continue }
          writer.key(operation.name, put)
          writer.open(put)
          writer.string("from", old.name, put)
          writer.string("to", new.name, put)
          writer.close(0x7d, put)
        }
        writer.close(0x7d, put)
      case .drain(let body):
        writer.string("drain", body.name, put)
      case .phase(let phase):
        writer.string("phase", phase.name, put)
      }
      if record.isUndo { writer.bool("undo", true, put) }
      writer.microseconds("microseconds", record.nanoseconds, put)
      writer.integer("sites", UInt64(record.sites), put)
      writer.close(0x7d, put)
    }
    writer.close(0x5d, put)
    if stepsLeftOut > 0 { writer.integer("steps_left_out", UInt64(stepsLeftOut), put) }
    writer.close(0x7d, put)
  }
}

/// JSON of objects, arrays, numbers and names that need no escaping.
private struct JSONWriter {
  private var needsComma = false

  mutating func open(_ put: (UInt8) -> Void) { begin(0x7b, put) }

  mutating func begin(_ bracket: UInt8, _ put: (UInt8) -> Void) {
    put(bracket)
    needsComma = false
  }

  mutating func close(_ bracket: UInt8, _ put: (UInt8) -> Void) {
    put(bracket)
    needsComma = true
  }

  mutating func separate(_ put: (UInt8) -> Void) {
    if needsComma { put(0x2c) }
    needsComma = true
  }

  mutating func key(_ name: StaticString, _ put: (UInt8) -> Void) {
    separate(put)
    quoted(name, put)
    put(0x3a)
  }

  mutating func string(_ name: StaticString, _ value: StaticString, _ put: (UInt8) -> Void) {
    key(name, put)
    quoted(value, put)
  }

  mutating func integer(_ name: StaticString, _ value: UInt64, _ put: (UInt8) -> Void) {
    key(name, put)
    digits(value, put)
  }

  mutating func bool(_ name: StaticString, _ value: Bool, _ put: (UInt8) -> Void) {
    key(name, put)
    let text: StaticString = value ? "true" : "false"
    for index in 0..<text.utf8CodeUnitCount { put(unsafe text.utf8Start[index]) }
  }

  mutating func microseconds(_ name: StaticString, _ nanoseconds: UInt64, _ put: (UInt8) -> Void) {
    key(name, put)
    digits(nanoseconds / 1000, put)
    put(0x2e)
    let rest = nanoseconds % 1000
    put(0x30 + UInt8(rest / 100))
    put(0x30 + UInt8(rest / 10 % 10))
    put(0x30 + UInt8(rest % 10))
  }

  private func quoted(_ text: StaticString, _ put: (UInt8) -> Void) {
    put(0x22)
    // A literal: as many bytes as it says, for as long as the program lives.
    for index in 0..<text.utf8CodeUnitCount { put(unsafe text.utf8Start[index]) }
    put(0x22)
  }

  private func digits(_ value: UInt64, _ put: (UInt8) -> Void) {
    var divisor: UInt64 = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      put(0x30 + UInt8(value / divisor % 10))
      divisor /= 10
    }
  }
}
