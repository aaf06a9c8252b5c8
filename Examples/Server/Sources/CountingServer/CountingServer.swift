import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Tidelock

/// Counts words: a client sends one a line, and is answered how often it was sent so far, by anybody.
///
/// All threads share one table, behind a lock of Tidelock's.
public struct CountingServer: Service {
  private let counts = Counts()
  private let port: Int
  private let logger: Logger
  private let isListening: @Sendable (Int) -> Void

  /// A server on this machine's loopback.
  ///
  /// - Parameters:
  ///   - port: where it listens; 0: on a free one.
  ///   - logger: where it says so.
  ///   - isListening: called with the port as soon as it takes connections.
  public init(
    port: Int, logger: Logger, isListening: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.port = port
    self.logger = logger
    self.isListening = isListening
  }

  /// Runs until graceful shutdown or cancellation.
  public func run() async throws {
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.maxMessagesPerRead, value: 16)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(LineHandler(counts: counts))
        }
      }
      .bind(host: "127.0.0.1", port: port).get()
    let port = server.localAddress?.port ?? 0
    logger.info("Listening.", metadata: ["port": .stringConvertible(port)])
    isListening(port)
    try await withGracefulShutdownHandler {
      try await withTaskCancellationHandler {
        try await server.closeFuture.get()
      } onCancel: {
        server.close(promise: nil)
      }
    } onGracefulShutdown: {
      server.close(promise: nil)
    }
  }
}

/// The table.
private final class Counts: Sendable {
  private let table = Mutex<[String: Int]>([:])

  func count(_ word: String) -> Int {
    table.withLock { table in
      table[word, default: 0] += 1
      return table[word, default: 0]
    }
  }
}

/// One connection: lines in, numbers out.
private final class LineHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// The longest word; whoever sends a longer one is not served any more.
  private static let longest = 1024
  private let counts: Counts
  private var rest = ByteBuffer()

  init(counts: Counts) { self.counts = counts }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var received = unwrapInboundIn(data)
    rest.writeBuffer(&received)
    var answer = ByteBuffer()
    while let end = rest.readableBytesView.firstIndex(of: 10) {
      let word = rest.readString(length: end - rest.readerIndex) ?? ""
      rest.moveReaderIndex(forwardBy: 1)
      answer.writeString("\(counts.count(word))\n")
    }
    rest.discardReadBytes()
    guard rest.readableBytes <= Self.longest else {
      context.close(promise: nil)
      return
    }
    if answer.readableBytes > 0 { context.writeAndFlush(wrapOutboundOut(answer), promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
