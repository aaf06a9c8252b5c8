import Foundation
import GuestTestBed
import Testing

@Suite struct LineChannelsTests {
  @Test func eachLineGoesToItsChannel() async {
    let channels = LineChannels()
    let (first, second) = (LineMailbox(), LineMailbox())
    await channels.open("1.shell", first)
    await channels.open("2.shell", second)
    await channels.put("2.shell two  words ")
    await channels.put("3.shell nobody's")
    await channels.put("1.shell")
    #expect(await first.next(within: .zero) == .line(""))
    #expect(await second.next(within: .zero) == .line("two  words "))
    await channels.put("1.end")
    #expect(await first.next(within: .seconds(60)) == .ended)
    #expect(await second.next(within: .zero) == .timedOut)
    await channels.end()
    #expect(await second.next(within: .seconds(60)) == .ended)
  }
}

@Suite struct ConsoleLogTests {
  private func withLog(_ body: (ConsoleLog, URL) async throws -> Void) async throws {
    let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: file) }
    try await body(ConsoleLog(appendingTo: file), file)
  }

  @Test func holdsAllThatCameBeforeTheMark() async throws {
    try await withLog { log, file in
      await log.put("[    1.0] first")
      // The mark comes behind what is still on its way, in the middle of a line here.
      await log.settle { mark in
        Task {
          await log.put("[    2.0] second")
          await log.put("[    3.0] beg" + mark)
        }
      }
      let content = try String(contentsOf: file, encoding: .utf8)
      #expect(
        content == "[    1.0] first\n[    2.0] second\n[    3.0] beg\n")
    }
  }

  @Test func doesNotWaitForAGuestThatIsGone() async throws {
    try await withLog { log, _ in
      await log.settle { _ in Task { await log.end() } }
      await log.settle { _ in Issue.record("asked a guest that is gone") }
    }
  }
}

@Suite struct QEMUMonitorTests {
  private static func number(_ line: String) -> Int? {
    let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    return object?["id"] as? Int
  }

  @Test func answersFindTheirCommands() async throws {
    let sent = LineMailbox()
    let monitor = QEMUMonitor { await sent.put($0) }
    async let first = monitor.execute("one")
    async let second = monitor.execute("two", ["path": .word("a \"b\""), "n": .number(3)])
    var numbers: [String: Int] = [:]
    for _ in 0..<2 {
      guard case .line(let line) = await sent.next(within: .seconds(60)) else {
        Issue.record("nothing was sent")
        return
      }
      numbers[line.contains("\"one\"") ? "one" : "two"] = Self.number(line)
    }
    await monitor.put(#"{"event": "RESUME", "timestamp": {"seconds": 1}}"#)
    await monitor.put("no JSON")
    await monitor.put(#"{"id": \#(numbers["two"]!), "error": {"class": "X", "desc": "full"}}"#)
    await monitor.put(#"{"return": {}, "id": \#(numbers["one"]!)}"#)
    #expect(try await first == "")
    do {
      _ = try await second
      Issue.record("an error was taken for an answer")
    } catch {
      #expect(error as? GuestError == .monitor(command: "two", reason: "full"))
    }
  }

  @Test func textsAreReturned() async throws {
    let sent = LineMailbox()
    let monitor = QEMUMonitor { await sent.put($0) }
    async let answer = monitor.execute("human-monitor-command")
    guard case .line(let line) = await sent.next(within: .seconds(60)) else {
      Issue.record("nothing was sent")
      return
    }
    await monitor.put(#"{"return": "!a\r\nb", "id": \#(Self.number(line)!)}"#)
    #expect(try await answer == "!a\r\nb")
  }

  @Test func waitsNeitherForEverNorForTheDead() async throws {
    let monitor = QEMUMonitor { _ in }
    await #expect(throws: GuestError.self) {
      try await monitor.execute("slow", limit: .milliseconds(1))
    }
    await monitor.end()
    await #expect(throws: GuestError.monitor(command: "late", reason: "it has ended")) {
      try await monitor.execute("late")
    }
    await #expect(throws: GuestError.self) { try await monitor.connect(within: .seconds(60)) }
  }
}
