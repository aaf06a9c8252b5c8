import LockPlatform
import QueuedSpinlocks
import Testing

/// All suites of this target: the machine is static, because platforms are, so they take turns.
@Suite(.serialized) struct QueuedSpinlocksTests {}

/// A machine whose memory is an array and whose CPUs are all played by the test's one thread.
///
/// Another CPU does something where the one that executes waits, or just before one of its accesses.
enum FakeMachine {
  static let base: UInt = 0x1_0000
  /// Where locks are, from here on.
  static let locks: UInt = 0x1_8000
  /// The area of each CPU whose number is too high for one of its own.
  static let farArea: UInt = 0x1_4000
  static let hash: UInt = 0x1_6000
  static let end: UInt = 0x1_c000

  nonisolated(unsafe) static var memory: [UInt8] = []
  /// The number of the CPU that executes.
  nonisolated(unsafe) static var current: UInt32? = 0
  nonisolated(unsafe) static var entries: UInt = 8
  nonisolated(unsafe) static var events: [LockEvent] = []
  nonisolated(unsafe) static var kicked: [UInt] = []
  /// Every access: what it is and where.
  nonisolated(unsafe) static var accesses: [(kind: Access, address: UInt)] = []
  /// How many bytes each access is of.
  nonisolated(unsafe) static var widths: [Int] = []
  /// What other CPUs do while one waits, the last one first; each once.
  nonisolated(unsafe) static var onWait: [() -> Void] = []
  /// What other CPUs do at each pause.
  nonisolated(unsafe) static var onPause: () -> Void = {}
  /// More accesses than any test needs: after so many, nothing will end the loop that makes them.
  private static let maximumAccesses = 1_000_000
  /// What other CPUs do just before an access, once.
  nonisolated(unsafe) static var before: (kind: Access, address: UInt, action: () -> Void)?

  enum Access { case load, store, exchange, compareExchange, fetchOr }

  static func reset(entries count: UInt = 8) {
    memory = [UInt8](repeating: 0, count: Int(end - base))
    (current, entries, events, kicked, accesses, widths) = (0, count, [], [], [], [])
    (onWait, onPause, before) = ([], {}, nil)
  }

  static func lock(_ index: UInt) -> LockWord { LockWord(address: locks + index * 4) }

  /// Lets a CPU execute something.
  static func on<Result>(_ cpu: UInt32?, _ body: () -> Result) -> Result {
    let previous = current
    current = cpu
    defer { current = previous }
    return body()
  }

  /// What a word holds; no access of the machine.
  static func get<Word: FixedWidthInteger>(_ address: UInt, as _: Word.Type = UInt32.self) -> Word {
    (0..<UInt(Word.bitWidth / 8)).reduce(0) {
      $0 | Word(truncatingIfNeeded: memory[Int(address + $1 - base)]) << Word($1 * 8)
    }
  }

  static func put<Word: FixedWidthInteger>(_ value: Word, _ address: UInt) {
    for index in 0..<UInt(Word.bitWidth / 8) {
      memory[Int(address + index - base)] = UInt8(truncatingIfNeeded: value >> Word(index * 8))
    }
  }

  static func word(_ lock: LockWord) -> UInt32 { get(lock.whole.address) }

  /// The entry of the hash that holds a lock.
  static func entry(of lock: LockWord) -> UInt? {
    (0..<entries).first { get(hash + $0 * 16, as: UInt64.self) == UInt64(lock.whole.address) }
  }

  /// Ends the tests: the shipped code would wait for ever, and there is no way out of it.
  private static func waitsForEver(_ how: String) -> Never {
    Issue.record("a CPU \(how), and nobody is left to end that")
    fatalError("a CPU \(how), and nobody is left to end that")
  }

  private static func accessed<Word>(_ kind: Access, _ location: Location<Word>) {
    let address = location.address
    accesses.append((kind, address))
    widths.append(Word.bitWidth / 8)
    if accesses.count == maximumAccesses { waitsForEver("spins") }
    if let planned = before, planned.kind == kind, planned.address == address {
      before = nil
      planned.action()
    }
  }
}

extension FakeMachine: LockMachine {
  static func load<Word>(_ location: Location<Word>, _: LoadOrdering) -> Word {
    accessed(.load, location)
    return get(location.address, as: Word.self)
  }

  static func store<Word>(_ value: Word, to location: Location<Word>, _: StoreOrdering) {
    accessed(.store, location)
    put(value, location.address)
  }

  static func exchange<Word>(
    _ value: Word, at location: Location<Word>, _: UpdateOrdering
  ) -> Word {
    accessed(.exchange, location)
    let old = get(location.address, as: Word.self)
    put(value, location.address)
    return old
  }

  static func compareExchange<Word>(
    _ location: Location<Word>, expected: Word, desired: Word, _: UpdateOrdering
  ) -> Word {
    accessed(.compareExchange, location)
    let old = get(location.address, as: Word.self)
    if old == expected { put(desired, location.address) }
    return old
  }

  static func fetchOr<Word>(
    _ bits: Word, at location: Location<Word>, _: UpdateOrdering
  ) -> Word {
    accessed(.fetchOr, location)
    let old = get(location.address, as: Word.self)
    put(old | bits, location.address)
    return old
  }

  static func compilerBarrier() {}

  static func pause(_: UInt32) { onPause() }

  static var currentCPU: CPUNumber? { current.map(CPUNumber.init) }

  static func queueArea(of cpu: CPUNumber) -> UInt {
    cpu.rawValue < 32 ? base + UInt(cpu.rawValue) * PerCPUArea.size : farArea
  }

  static var lockHash: (address: UInt, entries: UInt) { (hash, entries) }

  static func wait(on word: Location<UInt32>, while value: UInt32) {
    guard get(word.address) == value else { return }
    guard let others = onWait.popLast() else { waitsForEver("sleeps") }
    others()
  }

  static func kick(_ word: Location<UInt32>) { kicked.append(word.address) }

  static func isPreempted(_: CPUNumber) -> Bool { false }

  static var ticks: UInt64 { 0 }

  /// Nobody had its turn lately.
  static var turn: UInt64 { 0 }

  static func bound(_: UInt32) -> UInt32 { 1 }

  static func count(_ event: LockEvent) { events.append(event) }
}

typealias Native = NativeQueue<FakeMachine>
typealias Paravirtual = ParavirtualQueue<FakeMachine>

extension FakeMachine {
  /// Lets the heads of some locks' queues sleep at the same time, four on each CPU, each in a
  /// context that interrupts the one before; then runs `body`, which must unlock all of them.
  ///
  /// All locks are held before, and taken and released by their heads afterwards.
  static func whileHeadsSleep(_ locks: [LockWord], _ body: @escaping () -> Void) {
    sleep(locks[...], at: 0, body)
  }

  private static func sleep(
    _ locks: ArraySlice<LockWord>, at index: UInt32, _ body: @escaping () -> Void
  ) {
    guard let lock = locks.first else { return body() }
    #expect(lock.tryLock(on: FakeMachine.self))
    onWait.append { sleep(locks.dropFirst(), at: index + 1, body) }
    on(index / 4) {
      Paravirtual.slowPath(lock)
      Paravirtual.unlock(lock)
    }
    #expect(word(lock) == 0)
  }
}
