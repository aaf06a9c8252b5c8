import Foundation

/// The monitor of the QEMU that runs a guest on KVM, which speaks JSON (QMP).
///
/// Commands may be sent at any time; an answer carries the number of its command.
package actor QEMUMonitor: LineReceiver {
  private let send: @Sendable (String) async throws -> Void
  private var pending: [Int: LineMailbox] = [:]
  private var last = 0
  private var hasEnded = false
  /// One line for each event, its name, and its status if it has one.
  let events = LineMailbox()
  private let greeting = LineMailbox()

  package init(send: @escaping @Sendable (String) async throws -> Void) {
    self.send = send
  }

  private struct Message: Decodable {
    struct Fault: Decodable { let desc: String }
    struct Details: Decodable { let status: String? }
    let id: Int?
    let error: Fault?
    let event: String?
    let data: Details?
    let answer: Answer?

    enum CodingKeys: String, CodingKey {
      case id, error, event, data
      case answer = "return"
    }
  }

  /// What a command returned: a text, or something that is not read here.
  private struct Answer: Decodable {
    let text: String

    init(from decoder: any Decoder) throws {
      text = (try? decoder.singleValueContainer().decode(String.self)) ?? ""
    }
  }

  /// The prefixes, in the mailbox of an answer, of what a command returned and of why it failed.
  private static let returned = "="
  private static let failed: Character = "!"

  package func put(_ line: String) async {
    guard let message = try? JSONDecoder().decode(Message.self, from: Data(line.utf8)) else {
      return
    }
    if let id = message.id {
      let answer = message.error.map { "\(Self.failed)\($0.desc)" }
      await pending.removeValue(forKey: id)?.put(
        answer ?? Self.returned + (message.answer?.text ?? ""))
    } else if let event = message.event {
      await events.put(event + (message.data?.status.map { " \($0)" } ?? ""))
    } else {
      await greeting.put(line)
    }
  }

  package func end() async {
    hasEnded = true
    for mailbox in pending.values { await mailbox.end() }
    pending = [:]
    await events.end()
    await greeting.end()
  }

  /// Waits until QEMU answers, after which it takes commands.
  package func connect(within limit: Duration) async throws(GuestError) {
    guard case .line = await greeting.next(within: limit) else {
      throw .monitor(command: "start", reason: "it did not come up")
    }
    try await execute("qmp_capabilities")
  }

  /// Makes QEMU carry out a command and returns its answer, if that is a text.
  @discardableResult
  package func execute(
    _ command: String, _ arguments: [String: QEMUArgument] = [:], limit: Duration = .seconds(60)
  ) async throws(GuestError) -> String {
    guard !hasEnded else { throw .monitor(command: command, reason: "it has ended") }
    last += 1
    let number = last
    let answer = LineMailbox()
    pending[number] = answer
    do {
      let line = try JSONEncoder().encode(
        Command(execute: command, arguments: arguments, id: number))
      try await send(String(decoding: line, as: UTF8.self))
    } catch {
      throw .monitor(command: command, reason: "\(error)")
    }
    switch await answer.next(within: limit) {
    case .line(let line) where line.first == Self.failed:
      throw .monitor(command: command, reason: String(line.dropFirst()))
    case .line(let line): return String(line.dropFirst())
    case .ended: throw .monitor(command: command, reason: "it has ended")
    case .timedOut:
      pending[number] = nil
      throw .monitor(
        command: command, reason: "no answer in \(Int(limit.components.seconds)) s")
    }
  }

  private struct Command: Encodable {
    let execute: String
    let arguments: [String: QEMUArgument]
    let id: Int
  }
}

/// A value in a command for QEMU.
package enum QEMUArgument: Encodable, Sendable {
  case word(String)
  case number(Int)
  case flag(Bool)
  case list([[String: QEMUArgument]])

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .word(let word): try container.encode(word)
    case .number(let number): try container.encode(number)
    case .flag(let flag): try container.encode(flag)
    case .list(let list): try container.encode(list)
    }
  }
}

extension QEMUMonitor {
  /// Sends the guest's state elsewhere and waits until it has arrived.
  func migrate(to uri: String, within limit: Duration) async throws(GuestError) {
    try await execute("migrate", ["uri": .word(uri)])
    let outcome = try await wait(
      for: ["MIGRATION completed", "MIGRATION failed", "MIGRATION cancelled"], command: "migrate",
      within: limit)
    guard outcome == "MIGRATION completed" else {
      throw .monitor(command: "migrate", reason: "the migration failed")
    }
  }

  /// Waits for one of these events and returns it.
  @discardableResult
  func wait(
    for expected: Set<String>, command: String, within limit: Duration
  ) async throws(GuestError) -> String {
    let deadline = ContinuousClock.now + limit
    while true {
      switch await events.next(within: deadline - .now) {
      case .line(let event): if expected.contains(event) { return event }
      case .ended: throw .monitor(command: command, reason: "it has ended")
      case .timedOut:
        throw .monitor(
          command: command, reason: "it did not end in \(Int(limit.components.seconds)) s")
      }
    }
  }
}
