import TortureServices

/// What to do, set through files while nothing runs and fixed while it does.
struct Settings {
  /// Whether workers run.
  var running: UInt64 = 0
  /// How many locks the tasks share, 1 to 64.
  var locks: UInt64 = 1
  /// Loops inside a section.
  var inside: UInt64 = 100
  /// Loops between two sections.
  var outside: UInt64 = 100
  /// Up to how many microseconds one section in 256 lasts longer.
  var delay: UInt64 = 0
  /// Whether every other section of the tasks runs with interrupts off.
  var interruptsOff: UInt64 = 0
  /// Microseconds between two timer interrupts on each CPU that take locks, as do the softirqs
  /// they raise; 0: none.
  var nested: UInt64 = 0
  /// Microseconds, roughly, between two NMIs sent from each CPU to some other; 0: none.
  ///
  /// Needs `nested`.
  var nmi: UInt64 = 0
  /// Whether the NMIs of all CPUs share one lock; otherwise each CPU's have one of their own.
  var nmiShared: UInt64 = 1
  /// 1: tasks share data without taking the lock, to show that the checks find it.
  var broken: UInt64 = 0
}

/// All the torture keeps.
///
/// Written only while nothing runs, under the mutex of glue.c.
struct Torture {
  var settings = Settings()
  var workers = 0
  var area: UInt = 0
  /// When the last run started and how long it lasted or lasts, in ticks.
  var start: UInt64 = 0
  var end: UInt64 = 0

  static let taskLocks = 64

  /// A lock that tasks share among themselves.
  func taskLock(_ index: Int) -> GuardedData {
    unsafe GuardedData(address: area &+ GuardedData.size &* UInt(index))
  }

  /// The one lock of another context.
  func lock(of context: Context) -> GuardedData {
    taskLock(Torture.taskLocks &- 1 &+ Int(context.rawValue))
  }

  /// The lock of one CPU's NMIs.
  func ownLock(_ worker: Int) -> GuardedData { taskLock(Torture.taskLocks &+ 3 &+ worker) }

  func counts(_ worker: Int) -> WorkerCounts {
    let locks = GuardedData.size &* UInt(Torture.taskLocks &+ 3 &+ workers)
    return unsafe WorkerCounts(address: area &+ locks &+ WorkerCounts.size &* UInt(worker))
  }
}

// Contract of `Torture`: no two threads write, and none reads while one writes.
nonisolated(unsafe) var torture = Torture()

@_cdecl("tidelock_torture_area")
func areaSize(_ workers: Int) -> UInt {
  GuardedData.size &* UInt(Torture.taskLocks &+ 3 &+ workers)
    &+ WorkerCounts.size &* UInt(workers)
}

@_cdecl("tidelock_torture_prepare")
func prepare(_ area: UnsafeMutableRawPointer, _ workers: Int) {
  unsafe torture.area = UInt(bitPattern: area)
  unsafe torture.workers = workers
  unsafe torture.start = ticks()
  for worker in 0..<workers {
    for index in 0..<4 {
      let context = Context.all[index]
      // Any number but 0, and not the same for two.
      let seed = UInt64(worker &* 4 &+ Int(context.rawValue) &+ 1) &* 0x9e37_79b9_7f4a_7c15
      unsafe torture.counts(worker).randomState(in: context).value = seed
    }
  }
}

// MARK: What each context does

/// A writer: sections under the locks of the tasks, and one in eight under those of the contexts
/// that may come over it.
@_cdecl("tidelock_torture_task")
func task(_ worker: Int) {
  let torture = unsafe torture
  let settings = torture.settings
  let counts = torture.counts(worker)
  while !shouldStop() {
    progressed(counts)
    let random = counts.random(in: .task)
    let data = torture.taskLock(Int(random >> 32 % settings.locks))
    let before = ticks()
    if settings.broken != 0 {
      section(torture, worker, data, .task, .task, random)
    } else if settings.interruptsOff != 0, random & 1 != 0 {
      let flags = rawSpinLockDisablingInterrupts(data.lock)
      waited(counts, .task, since: before)
      section(torture, worker, data, .task, .task, random)
      rawSpinUnlockRestoringInterrupts(data.lock, flags)
    } else {
      rawSpinLock(data.lock)
      waited(counts, .task, since: before)
      section(torture, worker, data, .task, .task, random)
      // Locks over locks, as real code has them.
      if settings.nested != 0, random & 0xe == 0 { softirqLock(torture, worker, random) }
      rawSpinUnlock(data.lock)
    }
    if settings.nested != 0 {
      if random & 0x70 == 0 { softirqLock(torture, worker, random) }
      if random & 0x380 == 0 { hardirqLock(torture, worker, .task, random) }
    }
    loop(settings.outside)
  }
}

/// The lock that softirqs take too, from a task.
private func softirqLock(_ torture: Torture, _ worker: Int, _ random: UInt64) {
  let data = torture.lock(of: .softirq)
  rawSpinLockDisablingSoftirqs(data.lock)
  section(torture, worker, data, .task, .softirq, random)
  rawSpinUnlockEnablingSoftirqs(data.lock)
}

/// The lock that hard interrupts take too, from a task or a softirq.
private func hardirqLock(
  _ torture: Torture, _ worker: Int, _ context: Context, _ random: UInt64
) {
  let data = torture.lock(of: .hardirq)
  let flags = rawSpinLockDisablingInterrupts(data.lock)
  section(torture, worker, data, context, .hardirq, random)
  rawSpinUnlockRestoringInterrupts(data.lock, flags)
}

@_cdecl("tidelock_torture_softirq")
func softirq(_ worker: Int) {
  let torture = unsafe torture
  let counts = torture.counts(worker)
  let random = counts.random(in: .softirq)
  let data = torture.lock(of: .softirq)
  let before = ticks()
  rawSpinLock(data.lock)
  waited(counts, .softirq, since: before)
  section(torture, worker, data, .softirq, .softirq, random)
  if random & 1 == 0 { hardirqLock(torture, worker, .softirq, random) }
  rawSpinUnlock(data.lock)
}

/// Returns the nanoseconds until the next.
@_cdecl("tidelock_torture_hardirq")
func hardirq(_ worker: Int) -> UInt64 {
  let torture = unsafe torture
  let settings = torture.settings
  let counts = torture.counts(worker)
  let random = counts.random(in: .hardirq)
  let data = torture.lock(of: .hardirq)
  let before = ticks()
  rawSpinLock(data.lock)
  waited(counts, .hardirq, since: before)
  // A timer set off now and then while its own CPU is inside.
  section(torture, worker, data, .hardirq, .hardirq, random)
  rawSpinUnlock(data.lock)
  if settings.nmi != 0, random >> 32 % settings.nmi < settings.nested {
    sendNMI(Int(random >> 16 % UInt64(torture.workers)))
  }
  // Not in step with anything: between half and one and a half times the period.
  return settings.nested &* (500 &+ random % 1000)
}

@_cdecl("tidelock_torture_nmi")
func nmi(_ worker: Int) {
  let torture = unsafe torture
  let counts = torture.counts(worker)
  let random = counts.random(in: .nmi)
  let own =
    torture.settings.nmiShared != 0 ? torture.lock(of: .nmi) : torture.ownLock(worker)
  let before = ticks()
  rawSpinLock(own.lock)
  waited(counts, .nmi, since: before)
  section(torture, worker, own, .nmi, .nmi, random)
  rawSpinUnlock(own.lock)
  // A lock that this very CPU may hold or wait for: only without waiting.
  let data = torture.taskLock(Int(random >> 32 % torture.settings.locks))
  guard rawSpinTryLock(data.lock) != 0 else { return }
  section(torture, worker, data, .nmi, .task, random)
  rawSpinUnlock(data.lock)
}

/// Notes how long it was since the task was here last.
private func progressed(_ counts: WorkerCounts) {
  let now = ticks()
  let before = counts.lastProgress.value
  counts.lastProgress.value = now
  guard before != 0, now > before else { return }
  let bucket = counts.gaps(GapBuckets.index(of: now &- before))
  bucket.value &+= 1
  if now &- before > counts.longestGap.value { counts.longestGap.value = now &- before }
}

// MARK: Under a lock

private func waited(_ counts: WorkerCounts, _ context: Context, since before: UInt64) {
  let now = ticks()
  let longest = counts.longestWait(in: context)
  // Clocks of two CPUs may differ a little, never those of one.
  if now > before, now &- before > longest.value { longest.value = now &- before }
}

private func section(
  _ torture: Torture, _ worker: Int, _ data: GuardedData, _ context: Context, _ lock: Context,
  _ random: UInt64
) {
  let counts = torture.counts(worker)
  let settings = torture.settings
  // Interrupts are to pass; only tasks dwell.
  let loops = context == .task ? settings.inside : settings.inside / 8
  if !data.use(by: worker, loops: loops) { counts.violations(in: context).value &+= 1 }
  counts.sections(in: context, under: lock).value &+= 1
  if settings.delay != 0, context == .task, random >> 24 & 0xff == 0 {
    let until = ticks() &+ (random >> 40) % (settings.delay &* ticksPerMillisecond() / 1000 &+ 1)
    while ticks() < until { loop(100) }
  }
}
