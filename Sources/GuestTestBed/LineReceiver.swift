/// Receives lines as they arrive from a machine.
package protocol LineReceiver: Sendable {
  /// A line has arrived.
  func put(_ line: String) async
  /// No more lines will arrive.
  func end() async
}

extension LineMailbox: LineReceiver {}

extension LineMailbox {
  /// All lines that have arrived.
  var all: [String] {
    get async {
      var lines: [String] = []
      while case .line(let line) = await next(within: .zero) { lines.append(line) }
      return lines
    }
  }
}

/// Lines for several receivers that share one port, each line prefixed with the name of its channel.
///
/// A name has two parts with a dot between; the line `1.end` ends all channels whose names begin
/// with `1.`.
package actor LineChannels: LineReceiver {
  private var receivers: [String: any LineReceiver] = [:]

  package init() {}

  /// From now on, lines of a channel go to this receiver.
  package func open(_ channel: String, _ receiver: any LineReceiver) {
    receivers[channel] = receiver
  }

  package func put(_ line: String) async {
    let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
    let channel = String(parts[0])
    if channel.hasSuffix(".end") {
      await end(of: String(channel.dropLast("end".count)))
    } else {
      await receivers[channel]?.put(parts.count == 2 ? String(parts[1]) : "")
    }
  }

  package func end() async { await end(of: "") }

  private func end(of prefix: String) async {
    for (channel, receiver) in receivers where channel.hasPrefix(prefix) {
      receivers[channel] = nil
      await receiver.end()
    }
  }
}
