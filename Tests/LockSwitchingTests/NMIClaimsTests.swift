import LockPlatform
import LockSwitching
import Testing

/// NMIs as a CPU receives them, one in service and few pending, in random order.
@Suite(.serialized) struct NMIClaimsTests {
  /// What is sent to the CPU.
  private struct Load {
    var ours = 0
    /// Of an operator, which nobody recognises.
    var foreign = 0
    /// Of a counter, whose handler recognises them.
    var recognised = 0
  }

  @Test(
    "no NMI of ours is unknown, and each foreign one that came alone is",
    arguments: [
      (Load(ours: 1), 1), (Load(ours: 3), 1), (Load(ours: 3), 2),
      (Load(ours: 2, foreign: 2), 1), (Load(ours: 3, foreign: 1), 2),
      (Load(ours: 2, recognised: 2), 1), (Load(ours: 3, recognised: 2), 2),
      (Load(ours: 3, foreign: 2, recognised: 2), 2),
    ])
  private func claims(_ load: Load, pending: Int) {
    for seed in 0..<4000 {
      let cpu = ReceivingCPU(load.ours, load.foreign, load.recognised, pending, seed: UInt64(seed))
      cpu.run()
      // Every arrival that nobody claimed is accounted for by one that nobody recognises.
      #expect(cpu.unknown.count <= load.foreign, "seed \(seed)")
      // No more are claimed than were sent.
      #expect(cpu.claimedAlone <= load.ours, "seed \(seed)")
      // Once all have arrived and the CPU has settled, nothing foreign is claimed.
      let before = cpu.unknown.count
      cpu.receiveForeign()
      #expect(cpu.unknown.count == before + 1, "seed \(seed)")
    }
  }

  @Test("three are sent before the first arrives: none is unknown, however many arrive")
  func threeBeforeTheFirst() {
    for arrivals in 1...3 {
      let cpu = ReceivingCPU(0, 0, 0, 1, seed: 0)
      for _ in 0..<3 { cpu.claims.begin() }
      for _ in 0..<arrivals { #expect(cpu.claims.claim(recognised: 0)) }
      // Two senders have yet to say that they have sent: nothing is known of theirs.
      cpu.claims.end()
      cpu.claims.settle()
      if arrivals < 3 { #expect(cpu.claims.claim(recognised: 0)) }
      for _ in 0..<2 { cpu.claims.end() }
      cpu.claims.settle()
      #expect(!cpu.claims.claim(recognised: 0))
    }
  }
}

/// A CPU, its senders, and its pending NMIs.
private final class ReceivingCPU {
  enum Kind { case ours, foreign, recognised }
  let claims = unsafe NMIClaims<SteppedMemory>(area: 0)
  private(set) var unknown: [Set<Kind>] = []
  private(set) var claimedAlone = 0

  /// What each has yet to do.
  private var senders: [[Step]]
  private var pending: [Set<Kind>] = []
  private let capacity: Int
  private var isInNMI = false
  private var recognised: UInt32 = 0
  private var random: UInt64

  private enum Step { case begin, send(Kind), end }

  init(_ ours: Int, _ foreign: Int, _ recognised: Int, _ capacity: Int, seed: UInt64) {
    self.capacity = capacity
    random = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1
    senders =
      Array(repeating: [.begin, .send(.ours), .end], count: ours)
      + Array(repeating: [.send(.foreign)], count: foreign)
      + Array(repeating: [.send(.recognised)], count: recognised)
    SteppedMemory.reset()
  }

  func run() {
    SteppedMemory.beforeAccess = { [unowned self] in goOn() }
    while senders.contains(where: { !$0.isEmpty }) || !pending.isEmpty {
      goOn()
      claims.settle()
    }
    claims.settle()
    SteppedMemory.beforeAccess = nil
  }

  func receiveForeign() {
    latch(.foreign)
    deliver()
  }

  /// Others do something, and what is pending is received.
  private func goOn() {
    let hook = SteppedMemory.beforeAccess
    SteppedMemory.beforeAccess = nil
    while draw(3) != 0 {
      let ready = senders.indices.filter { !senders[$0].isEmpty }
      guard !ready.isEmpty else { break }
      switch senders[ready[draw(ready.count)]].removeFirst() {
      case .begin: claims.begin()
      case .end: claims.end()
      case .send(let kind): latch(kind)
      }
      // Senders take turns, a receiver that is not in an NMI receives at once.
      SteppedMemory.beforeAccess = hook
      deliver()
      SteppedMemory.beforeAccess = nil
    }
    SteppedMemory.beforeAccess = hook
  }

  private func latch(_ kind: Kind) {
    if pending.count < (isInNMI ? 1 : capacity) {
      pending.append([kind])
    } else {
      pending[pending.count - 1].insert(kind)
    }
  }

  private func deliver() {
    while !isInNMI, !pending.isEmpty {
      isInNMI = true
      let arrived = pending.removeFirst()
      let isClaimed = claims.claim(recognised: recognised)
      let isRecognised = arrived.contains(.recognised)
      recognised += (isClaimed ? 1 : 0) + (isRecognised ? 1 : 0)
      if isClaimed && !isRecognised { claimedAlone += 1 }
      if !isClaimed && !isRecognised { unknown.append(arrived) }
      isInNMI = false
    }
  }

  private func draw(_ count: Int) -> Int {
    random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(random >> 33) % count
  }
}

/// Memory of one test; others do something before each access.
private enum SteppedMemory: AtomicMemory {
  nonisolated(unsafe) private static var words: [UInt: UInt64] = [:]
  nonisolated(unsafe) static var beforeAccess: (() -> Void)?

  static func reset() {
    unsafe words = [:]
    unsafe beforeAccess = nil
  }

  static func load<Word>(_ location: Location<Word>, _: LoadOrdering) -> Word {
    unsafe beforeAccess?()
    return unsafe Word(truncatingIfNeeded: words[location.address] ?? 0)
  }
  static func store<Word>(_ value: Word, to location: Location<Word>, _: StoreOrdering) {
    unsafe beforeAccess?()
    unsafe words[location.address] = UInt64(value)
  }
  static func exchange<Word>(
    _ value: Word, at location: Location<Word>, _: UpdateOrdering
  ) -> Word {
    let before = load(location, .relaxed)
    unsafe words[location.address] = UInt64(value)
    return before
  }
  static func compareExchange<Word>(
    _ location: Location<Word>, expected: Word, desired: Word, _: UpdateOrdering
  ) -> Word {
    let before = load(location, .relaxed)
    if before == expected { unsafe words[location.address] = UInt64(desired) }
    return before
  }
  static func fetchOr<Word>(_ bits: Word, at location: Location<Word>, _: UpdateOrdering) -> Word {
    exchange(load(location, .relaxed) | bits, at: location, .relaxed)
  }
  static func compilerBarrier() {}
  static func pause(_: UInt32) {}
}
