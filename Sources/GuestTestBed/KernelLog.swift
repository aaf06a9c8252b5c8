import Foundation

/// What the guest's kernel said on its console.
public struct KernelLog: Sendable {
  /// All of it.
  public let lines: [String]

  package init(file: URL) {
    let bytes = (try? Data(contentsOf: file)) ?? Data()
    lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }
  }

  /// A kind of trouble.
  public enum Trouble: String, Sendable, CaseIterable {
    /// The kernel gave up.
    case panic
    /// The kernel did something it must not.
    case oops
    /// The kernel found an unexpected state.
    case warning
    /// A CPU or a task made no progress.
    case lockup
    /// A grace period did not end.
    case stall
    /// An NMI that no handler claimed.
    case unknownNMI

    fileprivate var signs: [String] {
      switch self {
      case .panic: ["Kernel panic"]
      case .oops: ["Oops:", "BUG:", "kernel BUG at", "general protection fault", "invalid opcode:"]
      case .warning: ["WARNING:"]
      case .lockup: ["soft lockup", "hard LOCKUP", "blocked for more than"]
      case .stall:
        ["rcu_preempt detected stalls", "self-detected stall", "detected expedited stalls"]
      case .unknownNMI: ["NMI received for unknown reason"]
      }
    }
  }

  /// The lines that report trouble, in order.
  ///
  /// A lockup is called a bug by the kernel; it is listed as a lockup only.
  public var troubles: [(Trouble, String)] {
    lines.compactMap { line in
      let kinds = Trouble.allCases.filter { kind in kind.signs.contains { line.contains($0) } }
      guard let kind = kinds.contains(.lockup) ? .lockup : kinds.first else { return nil }
      return (kind, line)
    }
  }

  /// The last lines, for a message.
  var tail: [String] { Array(lines.suffix(25)) }
}
