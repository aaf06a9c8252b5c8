import Foundation

/// Who used the machine's CPUs between two moments.
struct Usage: Codable {
  /// Share of all CPU time that went to other programs.
  var others: Double
  /// Share that the host took, as far as it says so.
  var stolen: Double

  /// What makes a round worth repeating.
  static let disturbing = 0.1

  /// The counters at one moment, in seconds of CPU time.
  struct Moment {
    fileprivate var busy = 0.0
    fileprivate var stolen = 0.0
    fileprivate var total = 0.0
    fileprivate var own = 0.0

    /// Now; all zero if the kernel does not tell.
    static var now: Moment {
      var moment = Moment()
      guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
        let line = text.split(separator: "\n").first
      else { return moment }
      // user nice system idle iowait irq softirq steal; what follows is contained in user.
      let times = line.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
      guard times.count == 8 else { return moment }
      let second = Double(sysconf(Int32(_SC_CLK_TCK)))
      moment.total = times.reduce(0, +) / second
      moment.stolen = times[7] / second
      moment.busy = moment.total - (times[3] + times[4] + times[7]) / second
      var own = rusage()
      // Only written while it runs.
      unsafe getrusage(Int32(RUSAGE_SELF.rawValue), &own)
      for time in [own.ru_utime, own.ru_stime] {
        moment.own += Double(time.tv_sec) + Double(time.tv_usec) * 1e-6
      }
      return moment
    }
  }

  /// Since that moment.
  static func since(_ before: Moment) -> Usage {
    let now = Moment.now
    let total = now.total - before.total
    guard total > 0 else { return Usage(others: 0, stolen: 0) }
    let others = (now.busy - before.busy) - (now.own - before.own)
    return Usage(others: max(0, others / total), stolen: (now.stolen - before.stolen) / total)
  }
}
