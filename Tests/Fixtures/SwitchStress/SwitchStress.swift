import Glibc
import StressLoad
import Tidelock

/// Switches a loaded process back and forth, checks that exclusion is kept, and says what it cost.
///
///     SwitchStress protocol=barrier threads=16 switches=1000 accounting=slow-path nested=1 churn=1
///     SwitchStress protocol=stop-machine mode=nmi with=vfork limit=500 switches=2
///
/// `with` lets something stand in the way for as many switches again, before the others. `lasting`
/// repeats the switches until so many milliseconds have passed, for loads that need time.
///
/// One line of JSON, after that of each switch if `reports=1`; exit status 1 if anything went wrong.
@main enum SwitchStress {
  static func main() {
    var text: [String: String] = [:]
    for argument in CommandLine.arguments.dropFirst() {
      let parts = argument.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { usage(argument) }
      text[String(parts[0])] = String(parts[1])
    }
    func number(_ key: String, _ standard: Int) -> Int { text[key].flatMap { Int($0) } ?? standard }
    guard
      let chosen = SwitchProtocol.allCases.first(where: {
        $0.description == text["protocol"] ?? "staged"
      })
    else { usage("protocol=\(text["protocol"] ?? "")") }
    guard (try? LockOperations.switch(to: .native)) != nil else { usage("native") }
    var run = Run(
      protocol: chosen,
      options: SwitchOptions(
        stopMode: text["mode"] == "nmi" ? .nmi : .task,
        accounting: text["accounting"] == "slow-path" ? .slowPathOnly : .untilUnlock),
      method: text["method"] == "breakpoint" ? .breakpoint : .store,
      sets: text["sets"] == "two" ? [.paravirtual, .native] : Run.allDirections,
      limit: .milliseconds(number("limit", 60_000)), prints: number("reports", 0) != 0)
    alarm(UInt32(number("alarm", 280)))
    stress_start(Int32(number("threads", 16)), Int32(number("churn", 0)), number("nested", 0) != 0)
    let hindrances = ["holder": STRESS_HOLDER, "blocker": STRESS_BLOCKER, "vfork": STRESS_VFORK]
    var result = Result()
    if let hindrance = text["with"].flatMap({ hindrances[$0] }) {
      result.hindrance = stress_start_hindrance(hindrance)
      run.perform(number("switches", 100), &result)
      stress_end_hindrance()
      // Not before: it could not.
      run.goHome(&result)
      run.limit = .seconds(60)
    }
    let end = ContinuousClock.now + .milliseconds(number("lasting", 0))
    repeat { run.perform(number("switches", 100), &result) } while ContinuousClock.now < end
    run.goHome(&result)
    stress_stop()
    print(result.json(run))
    exit(result.isRight(allowsUndone: number("limit", 60_000) < 60_000) ? 0 : 1)
  }

  static func usage(_ argument: String) -> Never {
    let message = "SwitchStress: cannot make sense of '\(argument)'.\n"
    // Reads no more than there is.
    _ = unsafe message.withCString { unsafe write(2, $0, strlen($0)) }
    exit(2)
  }
}

struct Run {
  /// From native, so that each direction comes once and the last leads back.
  static let allDirections: [LockSet] = [
    .paravirtual, .testAndSet, .native, .testAndSet, .paravirtual, .native,
  ]

  var `protocol`: SwitchProtocol
  var options: SwitchOptions
  var method: PokeMethod
  var sets: [LockSet]
  var limit: Duration
  /// Whether each report is printed.
  var prints: Bool
  /// The text under native.
  private let text = stress_text()

  init(
    protocol: SwitchProtocol, options: SwitchOptions, method: PokeMethod, sets: [LockSet],
    limit: Duration, prints: Bool
  ) {
    self.protocol = `protocol`
    self.options = options
    self.method = method
    self.sets = sets
    self.limit = limit
    self.prints = prints
  }

  func perform(_ count: Int, _ result: inout Result) {
    for index in 0..<count {
      let set = sets[index % sets.count]
      guard set != LockOperations.current else { continue }
      stress_set_switching(true)
      do {
        let report = try LockOperations.switch(
          to: set, using: `protocol`, poking: method, options: options, timeLimit: limit)
        result.note(report)
        if prints { print(report.json) }
      } catch {
        result.note(error.report)
        if prints { print(error.report.json) }
        result.failures[error.description, default: 0] += 1
      }
      stress_set_switching(false)
    }
  }

  /// Leads back to native, where the text must be as it was.
  func goHome(_ result: inout Result) {
    do {
      try LockOperations.switch(to: .native, timeLimit: .seconds(60))
    } catch {
      result.failures[error.description, default: 0] += 1
    }
    result.textIsAsBefore = result.textIsAsBefore && stress_text() == text
  }
}

struct Result {
  var microseconds: [Double] = []
  var stalls: [Double] = []
  var done = 0
  var undone = 0
  var other = 0
  var breakpoints: UInt64 = 0
  var textIsAsBefore = true
  /// The thread that stood in the way.
  var hindrance: UInt32 = 0
  var failures: [String: Int] = [:]

  mutating func note(_ report: SwitchReport) {
    switch report.result {
    case .done: done += 1
    case .undone: undone += 1
    default: other += 1
    }
    microseconds.append(Double(report.nanoseconds) / 1000)
    stalls.append(Double(report.stallNanoseconds) / 1000)
    breakpoints += report.breakpoints
  }

  func isRight(allowsUndone: Bool) -> Bool {
    (other == 0 || hindrance != 0) && (undone == 0 || allowsUndone) && textIsAsBefore
      && stress_violations() == 0
      && stress_lost() == 0
  }

  func json(_ run: Run) -> String {
    func list(_ count: (Int32) -> UInt64) -> String {
      (0..<STRESS_LEVELS).map { String(count($0)) }.joined(separator: ",")
    }
    let causes = failures.map { "\"\($0.value) x \($0.key)\"" }.joined(separator: ",")
    return """
      {"protocol":"\(run.protocol)","mode":"\(run.options.stopMode.name)",\
      "accounting":"\(run.options.accounting.name)","done":\(done),"undone":\(undone),\
      "other":\(other),"breakpoints":\(breakpoints),\(summary("switch", microseconds)),\
      \(summary("stall", stalls)),"sections":\(stress_sections()),\
      "violations":\(stress_violations()),"lost":\(stress_lost()),"text_as_before":\
      \(textIsAsBefore),"fast_in_switches":[\(list(stress_fast_in_switches))],\
      "slow_in_switches":[\(list(stress_slow_in_switches))],\
      "threads_come_and_gone":\(stress_threads()),"hindrance":\(hindrance),"failures":[\(causes)]}
      """
  }

  private func summary(_ name: String, _ values: [Double]) -> String {
    let sorted = values.sorted()
    func at(_ share: Double) -> Double {
      sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
    return """
      "\(name)_us":{"median":\(at(0.5)),"p99":\(at(0.99)),"longest":\(sorted.last ?? 0)}
      """
  }
}
