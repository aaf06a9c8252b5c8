import LockPlatform
import ModelChecker
import QueuedSpinlocks

/// Where the words of the models are.
///
/// Always the same places, so that CPUs find them by number.
enum ModelMemory {
  /// How many CPUs a model may have, a switcher included.
  static var maximumCPUs: UInt { 4 }
  static var locks: UInt { 4 }
  static var hashEntries: UInt { 4 }

  // In the order of `layout`.
  private static var base: UInt { 0x1_0000 }
  static func area(_ cpu: UInt32) -> UInt { base &+ UInt(cpu) &* PerCPUArea.size }
  /// How many nodes of the CPU are in use.
  static func depth(_ cpu: UInt32) -> Location<UInt32> { unsafe Location(address: area(cpu)) }
  static var hash: UInt { base &+ maximumCPUs &* PerCPUArea.size }
  /// Placed and spaced so that the search of each lock begins at the last entry of the hash: each
  /// search that fails there wraps, and every two locks collide.
  private static var lockBase: UInt { hash &+ hashEntries &* 16 &+ 16 }
  static var lockStride: UInt { 32 }
  private static var dataBase: UInt { lockBase &+ locks &* lockStride }
  private static var holderBase: UInt { dataBase &+ locks &* 8 }
  private static var markBase: UInt { holderBase &+ locks &* 8 }
  private static var tableBase: UInt { markBase &+ maximumCPUs &* 8 }
  private static var orderBase: UInt { tableBase &+ 5 &* 8 }
  private static var ticketBase: UInt { orderBase &+ locks &* 8 }
  private static var viewBase: UInt { ticketBase &+ maximumCPUs &* 8 }
  private static var noteBase: UInt { viewBase &+ maximumCPUs &* 8 }
  private static var usersBase: UInt { noteBase &+ maximumCPUs &* 8 }
  private static var nestingBase: UInt { usersBase &+ locks &* 8 }
  private static var patcherBase: UInt { exited.address &+ 8 }
  private static var versionBase: UInt { patcherBase &+ 16 }

  // All of these are words of the layout below.
  static func lock(_ index: UInt) -> LockWord {
    unsafe LockWord(address: lockBase &+ index &* lockStride)
  }
  /// What the lock guards: a plain word.
  static func data(_ index: UInt) -> Location<UInt64> {
    unsafe Location(address: dataBase &+ index &* 8)
  }
  /// Who holds the lock, plus one.
  ///
  /// Book-keeping of the model.
  static func holder(_ index: UInt) -> Location<UInt64> {
    unsafe Location(address: holderBase &+ index &* 8)
  }
  static func mark(_ cpu: UInt32) -> Location<UInt32> {
    unsafe Location(address: markBase &+ UInt(cpu) &* 8)
  }
  static func entry(_ operation: LockOperation) -> Location<UInt32> {
    unsafe Location(address: tableBase &+ UInt(operation.rawValue) &* 8)
  }
  /// How many joined the lock's queue (low half), and how many of them have been served; or, where
  /// stealing is checked, the head that spins, plus one.
  static func order(_ index: UInt) -> Location<UInt64> {
    unsafe Location(address: orderBase &+ index &* 8)
  }
  /// The CPU's number in the order of the queue it is in, plus one.
  static func ticket(_ cpu: UInt32) -> Location<UInt64> {
    unsafe Location(address: ticketBase &+ UInt(cpu) &* 8)
  }
  /// The oldest version of the site that the CPU may still fetch.
  static func view(_ cpu: UInt32) -> Location<UInt64> {
    unsafe Location(address: viewBase &+ UInt(cpu) &* 8)
  }
  /// Book-keeping of a mutation about the CPU.
  static func note(_ cpu: UInt32) -> Location<UInt64> {
    unsafe Location(address: noteBase &+ UInt(cpu) &* 8)
  }
  /// How many acquisitions of the lock are still to come; `Lifetime.freed` once it is freed; 0 for
  /// good if nobody frees it.
  ///
  /// Book-keeping of `Lifetime`.
  static func users(_ index: UInt) -> Location<UInt64> {
    unsafe Location(address: usersBase &+ index &* 8)
  }
  /// CPU 1 has given its number back.
  static var exited: Location<UInt64> {
    unsafe Location(address: nestingBase &+ maximumCPUs &* 8)
  }
  /// How many handlers are nested on the CPU.
  ///
  /// Book-keeping of the model.
  static func nesting(_ cpu: UInt32) -> Location<UInt64> {
    unsafe Location(address: nestingBase &+ UInt(cpu) &* 8)
  }
  /// The switcher's own variable: how far its drain is.
  static var drained: Location<UInt64> { unsafe Location(address: patcherBase) }
  /// The unlock site: five bytes of an aligned word.
  static var site: Location<UInt64> { unsafe Location(address: patcherBase &+ 8) }
  /// What the site held one after the other since all CPUs serialized; how many such there are.
  static func version(_ index: UInt64) -> Location<UInt64> {
    unsafe Location(address: versionBase &+ 8 &+ UInt(index) &* 8)
  }
  static var versions: Location<UInt64> { unsafe Location(address: versionBase) }
  static var maximumVersions: UInt64 { 8 }
  /// The set that is wholly in force between two switches, plus one; 0 if none is.
  ///
  /// Book-keeping of the model.
  static var result: Location<UInt64> { version(maximumVersions &+ 1) }
  /// The switcher's clock, and how many calls have failed so far.
  static var clock: Location<UInt64> { version(maximumVersions &+ 2) }
  static var failures: Location<UInt64> { version(maximumVersions &+ 3) }
  /// Whether the CPU's last look at the lock it wants is older than somebody who came to wait.
  ///
  /// Book-keeping of `Order`.
  static func look(_ cpu: UInt32) -> Location<UInt64> {
    version(maximumVersions &+ 4 &+ UInt64(cpu))
  }
  /// How often all CPUs were made to serialize.
  static var serializations: Location<UInt64> { version(maximumVersions) }

  static func lockIndex(_ address: UInt) -> UInt { (address &- lockBase) / lockStride }

  /// The layout; `switcher` is the CPU that alone writes the operation table.
  static func layout(switcher: Int?) -> WordLayout {
    var layout = WordLayout()
    for cpu in 0..<Int(maximumCPUs) {
      let area = layout.add("cpu\(cpu)", bytes: Int(PerCPUArea.size))
      layout.share(area, .owned(by: cpu))
      layout.share(area + 8, .owned(by: cpu))
      layout.name("cpu\(cpu).depth", at: area, bytes: 4)
      layout.name("cpu\(cpu).lastTurn", at: area + 8, bytes: 8)
      for index in 0..<4 {
        let node = area + 64 + UInt(index) * 64
        layout.name("cpu\(cpu).node\(index).next", at: node, bytes: 8)
        layout.name("cpu\(cpu).node\(index).isHead", at: node + 8, bytes: 4)
        layout.name("cpu\(cpu).node\(index).state", at: node + 12, bytes: 4)
      }
    }
    for index in 0..<Int(hashEntries) {
      let entry = layout.add("hash[\(index)].lock")
      _ = layout.add("hash[\(index)].node")
      precondition(entry == hash + UInt(index) * 16)
    }
    _ = layout.add("behindHash", bytes: 16, .ghost)
    let names = (0..<Int(locks)).map { ["A", "B", "C", "D"][$0] }
    for name in names {
      let lock = layout.add("lock\(name)", bytes: Int(lockStride))
      layout.name("lock\(name).pending", at: lock + 1, bytes: 1)
      layout.name("lock\(name).tail", at: lock + 2, bytes: 2)
    }
    for name in names { _ = layout.add("data\(name)") }
    for name in names { _ = layout.add("holder\(name)", .ghost) }
    for cpu in 0..<Int(maximumCPUs) { _ = layout.add("cpu\(cpu).mark", .written(by: cpu)) }
    for name in ["slowPath", "unlock", "wait", "kick", "vcpuIsPreempted"] {
      _ = layout.add(
        "table.\(name)", switcher.map { Sharing.written(by: $0) } ?? Sharing.shared)
    }
    for name in names { _ = layout.add("order\(name)", .ghost) }
    for cpu in 0..<Int(maximumCPUs) { _ = layout.add("cpu\(cpu).ticket", .ghost) }
    for cpu in 0..<Int(maximumCPUs) { _ = layout.add("cpu\(cpu).view", .ghost) }
    for cpu in 0..<Int(maximumCPUs) { _ = layout.add("cpu\(cpu).note", .ghost) }
    for name in names { _ = layout.add("users\(name)", .ghost) }
    for cpu in 0..<Int(maximumCPUs) { _ = layout.add("cpu\(cpu).nesting", .ghost) }
    _ = layout.add("exited")
    let last = layout.add("drained", switcher.map { Sharing.owned(by: $0) } ?? .shared)
    precondition(last == patcherBase)
    _ = layout.add("site", switcher.map { Sharing.written(by: $0) } ?? .shared)
    _ = layout.add("versions", .ghost)
    for index in 0..<maximumVersions { _ = layout.add("version\(index)", .ghost) }
    for name in ["serializations", "result", "clock", "failures"] { _ = layout.add(name, .ghost) }
    for cpu in 0..<Int(maximumCPUs) { _ = layout.add("cpu\(cpu).look", .ghost) }
    return layout
  }
}

/// First come, first served, and bounded stealing: checked where a queue is joined and where its lock is taken.
enum Order {
  /// A newcomer looks whether somebody waits; the pending byte comes first, and nobody else reads it.
  @inline(__always)
  static func looks(_ address: UInt) {
    guard ModelSettings.current.checksPassing, Mutation.Word(address, bits: 8) == .pending else {
      return
    }
    Simulated.store(0, to: ModelMemory.look(Simulated.cpu), .relaxed)
  }

  /// Somebody has come to wait: all looks are old now.
  @inline(__always)
  static func waits() {
    guard ModelSettings.current.checksPassing else { return }
    for cpu in 0..<ModelSettings.current.cpus {
      Simulated.store(1, to: ModelMemory.look(cpu), .relaxed)
    }
  }

  /// A newcomer has taken the lock, maybe ahead of others: then they came after its look.
  ///
  /// Those who waited when it took the lock still do.
  @inline(__always)
  static func passed(_ lock: LockWord) {
    guard ModelSettings.current.checksPassing else { return }
    Simulated.expect(
      Simulated.load(lock.whole, .relaxed) >> 8 == 0
        || Simulated.load(ModelMemory.look(Simulated.cpu), .relaxed) != 0,
      "a newcomer passed somebody whom it could see")
  }

  @inline(__always)
  static func joined(_ address: UInt) {
    waits()
    guard ModelSettings.current.checksOrder else { return }
    let order = ModelMemory.order(ModelMemory.lockIndex(address))
    let tickets = Simulated.load(order, .relaxed) &+ 1
    Simulated.store(tickets, to: order, .relaxed)
    Simulated.store(tickets & 0xffff_ffff, to: ModelMemory.ticket(Simulated.cpu), .relaxed)
  }

  /// Nobody passes a head that spins: it has set the pending bit.
  @inline(__always)
  static func spins(_ address: UInt, _ pending: UInt64) {
    guard ModelSettings.current.checksStealing, Mutation.Word(address, bits: 8) == .pending else {
      return
    }
    let head = pending == 0 ? 0 : UInt64(Simulated.cpu) + 1
    Simulated.store(head, to: ModelMemory.order(ModelMemory.lockIndex(address)), .relaxed)
  }

  /// A compare-exchange succeeded: maybe one that takes the lock.
  @inline(__always)
  static func taken<W: MemoryWord>(_ location: Location<W>, _ expected: W) {
    guard ModelSettings.current.checksStealing else { return }
    let word = Mutation.Word(location.address, bits: W.bitWidth)
    guard word == .lockedAndPending || word == .whole && expected == 0 else { return }
    let order = ModelMemory.order(ModelMemory.lockIndex(location.address))
    let head = Simulated.load(order, .relaxed)
    Simulated.expect(
      head == 0 || head == UInt64(Simulated.cpu) + 1, "the lock was stolen from a head that spins")
    Simulated.store(0, to: order, .relaxed)
  }

  @inline(__always)
  static func served(_ lock: UInt) {
    guard ModelSettings.current.checksOrder else { return }
    let ticket = Simulated.load(ModelMemory.ticket(Simulated.cpu), .relaxed)
    guard ticket != 0 else { return }
    Simulated.store(0, to: ModelMemory.ticket(Simulated.cpu), .relaxed)
    let served = Simulated.load(ModelMemory.order(lock), .relaxed) &+ 1 << 32
    Simulated.store(served, to: ModelMemory.order(lock), .relaxed)
    Simulated.expect(served >> 32 == ticket, "the queue served somebody out of turn")
  }
}
