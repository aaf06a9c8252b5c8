import ArgumentParser

/// `tidelock guest metrics`: counters for monitoring.
struct GuestMetricsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metrics",
    abstract: "Print the module's counters in the text format of Prometheus.",
    discussion: """
      With --file, writes for node_exporter's textfile collector; the file is replaced atomically. The \
      package's timer does so twice a minute if /etc/tidelock.conf names a file.
      """
  )

  @Option(help: "Replace this file instead of printing.", completion: .file())
  var file: String?

  @Flag(help: "Replace the file that /etc/tidelock.conf names; do nothing if it names none.")
  var configured = false

  func validate() throws {
    if configured, file != nil {
      throw ValidationError("--file and --configured cannot be given together; choose one.")
    }
  }

  func run() throws {
    var place = file
    if configured {
      place = try OperatorConfiguration(path: OperatorConfiguration.path).metrics
      if place == nil { return }
    }
    let metrics = try GuestMetrics()
    if let place {
      try metrics.write(to: place)
    } else {
      print(metrics.text, terminator: "")
    }
  }
}
