import CountingServer
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Testing
import Tidelock
import TidelockService

@Suite struct CountingServerTests {
  /// Many connections at once, with the locks following the load: no word is lost.
  @Test(.timeLimit(.minutes(2))) func countsEveryWord() async throws {
    let logger = Logger(label: "test")
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let group = ServiceGroup(
      configuration: .init(
        services: [
          .init(service: TidelockService(period: .milliseconds(10), logger: logger)),
          .init(service: CountingServer(port: 0, logger: logger) { port.yield($0) }),
        ], logger: logger))
    let running = Task { try await group.run() }
    var found = ports.makeAsyncIterator()
    let listening = try #require(await found.next())
    #expect(LockPolicy.isRunning)

    let (clients, words) = (8, 250)
    let greatest = try await withThrowingTaskGroup(of: Int.self) { tasks in
      for _ in 0..<clients { tasks.addTask { try await Self.send(words, to: listening) } }
      return try await tasks.reduce(0, max)
    }
    // Whoever came last was told all of them.
    #expect(greatest == clients * words)

    await group.triggerGracefulShutdown()
    try await running.value
    #expect(!LockPolicy.isRunning)
  }

  /// Sends the same word so many times, and returns the last answer.
  private static func send(_ words: Int, to port: Int) async throws -> Int {
    let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await client.executeThenClose { answers, requests in
      try await requests.write(ByteBuffer(string: String(repeating: "tide\n", count: words)))
      var text = ""
      for try await answer in answers {
        text += String(buffer: answer)
        if text.count(where: { $0 == "\n" }) == words { break }
      }
      return text.split(separator: "\n").last.flatMap { Int($0) } ?? 0
    }
  }
}
