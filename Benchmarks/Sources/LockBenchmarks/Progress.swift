import Runs

/// Says on standard error what is being measured and how long it will go on.
struct Progress {
  private var total: Int
  private var done = 0
  private let began = Clock.seconds
  private var lastLine = 0.0
  private let display = RunDisplay(on: Terminal(.standardError))

  /// So many runs, all about equally long.
  init(runs: Int) {
    total = runs
  }

  /// Called before a run.
  mutating func next(_ what: String) {
    let time = Clock.seconds - began
    let left = done == 0 ? nil : time / Double(done) * Double(total - done)
    let estimate = left.map { ", about \(Int($0.rounded(.up))) s left" } ?? ""
    write("\(what) (\(done * 100 / max(1, total)) %\(estimate))")
    done += 1
  }

  /// Called while nothing is measured.
  mutating func waits(_ why: String) {
    write(why)
  }

  /// Called when so many runs are to be done again.
  mutating func repeats(runs: Int) {
    total += runs
  }

  /// Called after the last.
  func end() {
    display.close()
  }

  private mutating func write(_ line: String) {
    // A terminal shows every run, unless they are too many to read; a file does with less.
    guard Clock.seconds - lastLine > (display.isLive ? 0.1 : 5) else { return }
    lastLine = Clock.seconds
    if display.isLive { display.draw([line]) } else { display.show(line) }
  }
}
