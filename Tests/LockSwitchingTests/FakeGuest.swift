import CodePatching
import LockPlatform
import LockSwitching
import Testing

/// A system of four CPUs, all played by the test's one thread, whose text is an array.
///
/// CPU 0 switches. The others do something whenever CPU 0 waits for them. It refuses on demand, and
/// looks after every change whether what is in place can be mixed. Static, because platforms are; the
/// suites that use it are serialized.
enum FakeGuest {
  static let cpus: UInt32 = 4
  /// Whether it is like a kernel: all operations are text, and nobody is gathered in a slow path.
  nonisolated(unsafe) static var isKernel = false
  /// The CPU that executes.
  nonisolated(unsafe) static var current: UInt32 = 0
  nonisolated(unsafe) static var clock: UInt64 = 0
  nonisolated(unsafe) static var memory: [UInt8] = []
  /// What operations that are not text are, and what was noted of those that are.
  nonisolated(unsafe) static var table: [Implementation] = []
  /// Whether the text is open, and whether for writing.
  nonisolated(unsafe) static var text = Text.closed
  nonisolated(unsafe) static var isCounted = false
  nonisolated(unsafe) static var chosen = Implementation.native
  /// CPUs that do not answer.
  nonisolated(unsafe) static var stuck: Set<UInt32> = []
  /// Refusable calls still granted, and how many are refused then.
  nonisolated(unsafe) static var budget = Int.max
  nonisolated(unsafe) static var refusals = 1
  nonisolated(unsafe) static var refusesToPrepare = false
  /// Slow paths that somebody may be in.
  nonisolated(unsafe) static var occupied = Implementations.none
  nonisolated(unsafe) static var wasUnsound = false
  /// Whether all CPUs of a kernel stand still.
  nonisolated(unsafe) static var isStopped = false
  /// Called after each write of code, with its address.
  nonisolated(unsafe) static var onWrite: (UInt) -> Void = { _ in }
  /// Called whenever CPU 0 waits.
  nonisolated(unsafe) static var onRest: () -> Void = {}
  /// Called whenever a CPU waits in the lock-step.
  nonisolated(unsafe) static var onRelax: () -> Void = {}
  /// How often each CPU has serialized.
  nonisolated(unsafe) static var serializations = [Int](repeating: 0, count: 4)

  enum Text { case closed, reading, writing }

  static let operations: [LockOperation] = [.slowPath, .unlock, .wait, .kick, .vcpuIsPreempted]

  static func reset(_ set: LockSet, kernel: Bool = false) {
    isKernel = kernel
    (current, clock, budget, refusals) = (0, 0, .max, 1)
    memory = [UInt8](repeating: 0, count: 4096)
    table = operations.map(set.implementation)
    (text, isCounted, stuck, refusesToPrepare) = (.closed, false, [], false)
    chosen = set == .testAndSet ? .testAndSet : .native
    (onWrite, onRest, onRelax) = ({ _ in }, {}, {})
    serializations = [0, 0, 0, 0]
    let sites = FakeGuestSites()
    for index in 0..<sites.count {
      let (address, operation) = sites.site(index)
      guard let form = sites.form(of: index, as: set.implementation(of: operation)) else {
        continue
      }
      put(form.bytes, form.count, address)
    }
    store(UInt32(set.implementation(of: .slowPath).rawValue), to: slowPath, .relaxed)
    store(SwitchState(set).bits, to: state, .relaxed)
    occupied = Implementations(set.implementation(of: .slowPath))
    (wasUnsound, isStopped) = (false, false)
  }

  /// Whether everything is as a set has it.
  static func isIn(_ set: LockSet) -> Bool {
    text == .closed && !isCounted && table == operations.map(set.implementation)
      && load(slowPath, .relaxed) == UInt32(set.implementation(of: .slowPath).rawValue)
      && SwitchState(bits: load(state, .relaxed)).isSettled(in: set)
      && (0..<FakeGuestSites().count).allSatisfy {
        held($0) == set.implementation(of: FakeGuestSites().site($0).operation)
      }
  }

  /// Lets another CPU execute something.
  static func on<Result>(_ cpu: UInt32, _ body: () -> Result) -> Result {
    let before = current
    current = cpu
    defer { current = before }
    return body()
  }

  static func get(_ count: Int, _ address: UInt) -> UInt64 {
    (0..<count).reduce(0) { $0 | UInt64(memory[Int(address) + $1]) << (8 * UInt64($1)) }
  }

  static func put(_ word: UInt64, _ count: Int, _ address: UInt) {
    for index in 0..<count {
      memory[Int(address) + index] = UInt8(truncatingIfNeeded: word >> (8 * UInt64(index)))
    }
  }
}
