/// One operation of a replayed schedule, for people to read.
public struct Event: Sendable {
  /// Which action of the schedule it belongs to, from 0; -1 before the first.
  public var action: Int
  /// The CPU, and how many handlers are nested on it.
  public var cpu: Int
  /// How many handlers are nested on the CPU.
  public var level: Int
  /// What it does: "reads", "writes", "commits", ...
  public var verb: String
  /// The name of the word, if there is one.
  public var word: String?
  /// What the word held.
  public var before: UInt64?
  /// What it holds afterwards; nil if nothing was written.
  public var after: UInt64?
  /// Return address in the code under test; 0 if unknown.
  public var site: UInt64
}

extension Machine {
  /// Tells the observer of an operation.
  @inline(__always)
  func observe(
    _ cpu: Int, _ verb: @autoclosure () -> String, _ request: Request? = nil,
    _ before: UInt64? = nil, _ after: UInt64? = nil
  ) {
    guard let observer else { return }
    observer(
      Event(
        action: action, cpu: cpu, level: Int(cpus[cpu].level), verb: verb(),
        word: request.map { program.layout.name(of: $0.address) },
        before: before, after: after, site: request?.site ?? cpus[cpu].request.site))
  }
}
