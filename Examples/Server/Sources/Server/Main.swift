import CountingServer
import Logging
import ServiceLifecycle
import TidelockService

/// `swift run -c release server [PORT]`, then `nc 127.0.0.1 PORT`; an interrupt ends it.
@main
struct Main {
  static func main() async throws {
    let logger = Logger(label: "server")
    let port = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 7070
    let group = ServiceGroup(
      configuration: .init(
        // The locks follow the load from before the first connection to after the last.
        services: [
          .init(service: TidelockService(logger: logger)),
          .init(service: CountingServer(port: port, logger: logger)),
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }
}
