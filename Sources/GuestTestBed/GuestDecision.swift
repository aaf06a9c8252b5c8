/// A decision of the policy in a guest: a line of `/sys/kernel/tidelock/decisions`.
public struct GuestDecision: Codable, Equatable, Sendable {
  /// When the last of a run of equal decisions was taken, in seconds on the guest's clock.
  public let seconds: Double
  /// The set in force.
  public let set: String
  /// The set to switch to, if that was decided.
  public let change: String?
  /// Why, in one word.
  public let reason: String
  /// What was seen and what each set would have lost, in per cent, by name: `steal`, `native loses`.
  public let shares: [String: Double]
  /// What the hypervisor says: `unknown`, `none` or `dedicated`.
  public let hint: String
  /// How many equal decisions the line stands for.
  public let count: Int

  /// Reads a line; nil if it is no decision.
  public init?(line: some StringProtocol) {
    let halves = line.split(separator: ":", maxSplits: 1)
    let head = halves.first?.split(separator: ",", maxSplits: 1) ?? []
    guard halves.count == 2, head.count == 2 else { return nil }
    let words = head[0].split(separator: " ")
    guard words.count == 2 || words.count == 4 && words[2] == "to", let seconds = Double(words[0])
    else { return nil }
    self.seconds = seconds
    set = String(words[1])
    change = words.count == 4 ? String(words[3]) : nil
    reason = head[1].split(separator: " ").joined(separator: " ")
    var shares: [String: Double] = [:]
    var hint = "unknown"
    var count = 1
    for part in halves[1].split(separator: ";") {
      let words = part.split(separator: " ")
      if words.last == "%", words.count >= 3, let share = Double(words[words.count - 2]) {
        shares[words.dropLast(2).joined(separator: " ")] = share
      } else if words.first == "hint", words.count == 2 {
        hint = String(words[1])
      } else if words.count >= 2, words[1] == "times", let times = Int(words[0]) {
        count = times
      }
    }
    self.shares = shares
    self.hint = hint
    self.count = count
  }
}
