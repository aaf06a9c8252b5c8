/// Lines that arrive, for one reader, which does not wait for ever.
package actor LineMailbox {
  /// What the reader gets.
  package enum Arrival: Equatable {
    case line(String)
    /// There will be no more lines.
    case ended
    /// The wait timed out.
    case timedOut
  }

  private var lines: [String] = []
  private var hasEnded = false
  private var reader: CheckedContinuation<Arrival, Never>?
  /// Distinguishes the time limit of one wait from that of the next.
  private var wait = 0

  package init() {}

  /// A line has arrived.
  package func put(_ line: String) {
    guard let reader else { return lines.append(line) }
    self.reader = nil
    reader.resume(returning: .line(line))
  }

  /// No more lines will arrive.
  package func end() {
    hasEnded = true
    reader?.resume(returning: .ended)
    reader = nil
  }

  /// The next line; waits for it no longer than the limit.
  package func next(within limit: Duration) async -> Arrival {
    if !lines.isEmpty { return .line(lines.removeFirst()) }
    if hasEnded { return .ended }
    wait += 1
    let timer = Task { [wait] in
      try? await Task.sleep(for: limit)
      self.giveUp(wait)
    }
    defer { timer.cancel() }
    return await withCheckedContinuation { reader = $0 }
  }

  private func giveUp(_ number: Int) {
    guard number == wait, let reader else { return }
    self.reader = nil
    reader.resume(returning: .timedOut)
  }
}
