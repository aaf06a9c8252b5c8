import KernelText
import TortureServices

/// What all workers did, as one JSON object.
///
/// While they run the numbers are of slightly different moments, and what has to agree only in the
/// end is left out.
func writeStatistics(of torture: Torture, into text: inout TextBuffer) {
  let settings = torture.settings
  let rate = ticksPerMillisecond()
  let end = settings.running != 0 ? ticks() : torture.end
  text.write("{\"running\":")
  text.write(settings.running != 0 ? "true" : "false")
  field("milliseconds", (end &- torture.start) / rate, into: &text)
  field("microseconds", (end &- torture.start) &* 1000 / rate, into: &text)

  var sections: InlineArray<16, UInt64> = .init(repeating: 0)
  var violations: UInt64 = 0
  var acquisitions: UInt64 = 0
  var slowest = UInt64.max
  var fastest: UInt64 = 0
  var longest: InlineArray<4, UInt64> = .init(repeating: 0)
  for worker in 0..<torture.workers {
    let counts = torture.counts(worker)
    var own: UInt64 = 0
    for index in 0..<4 {
      let context = Context.all[index]
      violations &+= counts.violations(in: context).value
      longest[index] = max(longest[index], counts.longestWait(in: context).value)
      for inner in 0..<4 {
        let lock = Context.all[inner]
        let count = counts.sections(in: context, under: lock).value
        sections[4 &* index &+ inner] &+= count
        acquisitions &+= count
        if context == .task, lock == .task { own = count }
      }
    }
    slowest = min(slowest, own)
    fastest = max(fastest, own)
  }
  field("acquisitions", acquisitions, into: &text)
  // Of tasks under the locks of tasks: what every CPU does alike.
  field("slowest_cpu", torture.workers > 0 ? slowest : 0, into: &text)
  field("fastest_cpu", fastest, into: &text)
  field("violations", violations, into: &text)
  text.write(",\"contexts\":{")
  for index in 0..<4 {
    let context = Context.all[index]
    if index > 0 { text.write(",") }
    text.write("\"")
    text.write(name(context))
    text.write("\":{\"acquisitions\":")
    var count: UInt64 = 0
    for lock in 0..<4 { count &+= sections[4 &* index &+ lock] }
    text.write(decimal: count)
    field("longest_wait_microseconds", longest[index] &* 1000 / rate, into: &text)
    text.write("}")
  }
  text.write("}")
  if settings.running == 0 {
    text.write(",\"exclusion\":")
    text.write(totalsAgree(torture, sections) && violations == 0 ? "true" : "false")
  }
  text.write(",\"cpus\":[")
  for worker in 0..<torture.workers {
    if worker > 0 { text.write(",") }
    text.write(decimal: torture.counts(worker).sections(in: .task, under: .task).value)
  }
  text.write("]}")
}

/// The gaps in the progress of the tasks since they were last forgotten, as one JSON object.
func writeGapsAlone(of torture: Torture, into text: inout TextBuffer) {
  let rate = ticksPerMillisecond()
  let now = ticks()
  text.write("{\"longest_microseconds\":[")
  for worker in 0..<torture.workers {
    if worker > 0 { text.write(",") }
    let counts = torture.counts(worker)
    // One that has not ended yet counts as far as it goes.
    let last = counts.lastProgress.value
    let current = torture.settings.running != 0 && last != 0 && now > last ? now &- last : 0
    text.write(decimal: max(counts.longestGap.value, current) &* 1000 / rate)
  }
  text.write("],\"buckets\":[")
  writeGaps(of: torture, rate, into: &text)
  text.write("]}")
}

/// Begins to note gaps anew.
///
/// A worker that notes one just now may write it a moment later.
func forgetGaps(of torture: Torture) {
  for worker in 0..<torture.workers {
    let counts = torture.counts(worker)
    counts.longestGap.value = 0
    for bucket in 0..<GapBuckets.count { counts.gaps(bucket).value = 0 }
  }
}

/// Pairs: nanoseconds at which a bucket begins, and how many gaps of all CPUs lie in it.
private func writeGaps(of torture: Torture, _ rate: UInt64, into text: inout TextBuffer) {
  var isFirst = true
  for bucket in 0..<GapBuckets.count {
    var sum: UInt64 = 0
    for worker in 0..<torture.workers { sum &+= torture.counts(worker).gaps(bucket).value }
    guard sum > 0 else { continue }
    text.write(isFirst ? "[" : ",[")
    isFirst = false
    // Ticks of a bucket may be many: first to microseconds where a product would not fit.
    let start = GapBuckets.start(of: bucket)
    text.write(decimal: start < 1 << 40 ? start &* 1_000_000 / rate : start / rate &* 1_000_000)
    text.write(",")
    text.write(decimal: sum)
    text.write("]")
  }
}

private func field(_ name: StaticString, _ value: UInt64, into text: inout TextBuffer) {
  text.write(",\"")
  text.write(name)
  text.write("\":")
  text.write(decimal: value)
}

private func name(_ context: Context) -> StaticString {
  switch context {
  case .task: "task"
  case .softirq: "softirq"
  case .hardirq: "hardirq"
  case .nmi: "nmi"
  }
}

/// Whether the unguarded counters under the locks add up to what the workers counted.
private func totalsAgree(_ torture: Torture, _ sections: InlineArray<16, UInt64>) -> Bool {
  for index in 0..<4 {
    let lock = Context.all[index]
    var counted: UInt64 = 0
    for context in 0..<4 { counted &+= sections[4 &* context &+ Int(lock.rawValue)] }
    var guarded: UInt64 = 0
    for index in 0..<(lock == .task ? Torture.taskLocks : 1) {
      let data = lock == .task ? torture.taskLock(index) : torture.lock(of: lock)
      guard torture.area != 0 else { break }
      guard let one = data.sections else { return false }
      guarded &+= one
    }
    for worker in 0..<(lock == .nmi && torture.area != 0 ? torture.workers : 0) {
      guard let one = torture.ownLock(worker).sections else { return false }
      guarded &+= one
    }
    guard guarded == counted else { return false }
  }
  return true
}
