import Foundation

/// Says on standard error what is being measured and how long it will go on.
struct Progress {
  private let total: Int
  private var done = 0
  private let began = Clock.seconds
  private var lastLine = 0.0
  private let isTerminal = isatty(STDERR_FILENO) == 1

  /// So many runs, all about equally long.
  init(runs: Int) {
    total = runs
  }

  /// Called before a run.
  mutating func next(_ what: String) {
    let now = Clock.seconds
    // A terminal shows every run, unless they are too many to read; a file does with less.
    if now - lastLine > (isTerminal ? 0.1 : 5) || done == 0 {
      let left = done == 0 ? nil : (now - began) / Double(done) * Double(total - done)
      let time = left.map { ", about \(Int($0.rounded(.up))) s left" } ?? ""
      write("\(what) (\(done * 100 / max(1, total)) %\(time))")
      lastLine = now
    }
    done += 1
  }

  /// Called after the last.
  func end() {
    if isTerminal { FileHandle.standardError.write(Data("\r\u{1b}[K".utf8)) }
  }

  private func write(_ line: String) {
    FileHandle.standardError.write(
      Data((isTerminal ? "\r\u{1b}[K" + line : line + "\n").utf8))
  }
}
