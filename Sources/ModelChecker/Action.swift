/// One decision of a schedule.
public struct Action: Hashable, Sendable, BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    /// The CPU does its next operation, and then everything that no other CPU can observe.
    case step
    /// The oldest store of the CPU's buffer reaches memory.
    case commit
    /// A handler begins on the CPU.
    case interrupt
    /// The CPU wakes spuriously.
    case wakeUp
  }

  var kind: Kind
  var cpu: UInt8
  /// Which possibility, where the operation is a choice.
  var choice: UInt8 = 0
}

extension Action: Codable, CustomStringConvertible {
  /// The action as in a schedule file: `0`, `0=1` (a choice), `0c` (commit), `0i` (interrupt),
  /// `0w` (a spurious wake-up).
  public var description: String {
    switch kind {
    case .step: choice == 0 ? "\(cpu)" : "\(cpu)=\(choice)"
    case .commit: "\(cpu)c"
    case .interrupt: "\(cpu)i"
    case .wakeUp: "\(cpu)w"
    }
  }

  /// Reads what `description` writes; nil if the text is no action.
  public init?(_ text: String) {
    let digits = text.prefix { $0.isNumber }
    guard let cpu = UInt8(digits), cpu < 16 else { return nil }
    let rest = text.dropFirst(digits.count)
    switch rest {
    case "": self.init(kind: .step, cpu: cpu)
    case "c": self.init(kind: .commit, cpu: cpu)
    case "i": self.init(kind: .interrupt, cpu: cpu)
    case "w": self.init(kind: .wakeUp, cpu: cpu)
    default:
      guard rest.first == "=", let choice = UInt8(rest.dropFirst()) else { return nil }
      self.init(kind: .step, cpu: cpu, choice: choice)
    }
  }

  /// As a string.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let action = Action(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "'\(text)' is no action of a schedule.")
    }
    self = action
  }

  /// As a string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// The actions possible in one state: a small fixed-capacity list, so that a search frame is plain
/// bytes.
struct ActionList: BitwiseCopyable {
  private var actions = InlineArray<40, Action>(repeating: Action(kind: .step, cpu: 0))
  private(set) var count = 0

  mutating func append(_ action: Action) {
    actions[count] = action
    count += 1
  }

  subscript(_ index: Int) -> Action { actions[index] }
}
