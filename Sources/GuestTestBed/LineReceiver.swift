/// Takes lines as they come from a machine.
package protocol LineReceiver: Sendable {
  /// A line has come.
  func put(_ line: String) async
  /// No line will come any more.
  func end() async
}

extension LineMailbox: LineReceiver {}

extension LineMailbox {
  /// All lines that have come.
  var all: [String] {
    get async {
      var lines: [String] = []
      while case .line(let line) = await next(within: .zero) { lines.append(line) }
      return lines
    }
  }
}

/// Lines for several receivers that come over one port, each behind the name of its channel.
///
/// A name has two parts with a dot between; the line `1.end` ends all channels whose names begin
/// with `1.`.
package actor LineChannels: LineReceiver {
  private var receivers: [String: any LineReceiver] = [:]

  package init() {}

  /// Lines of a channel go there from now on.
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
