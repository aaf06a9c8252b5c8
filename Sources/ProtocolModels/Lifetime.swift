import LockPlatform
import ModelChecker
import QueuedSpinlocks

/// What is freed, or given back, is touched no more: looked at with each access.
///
/// - A lock is freed by whoever took it last, right after its unlock has returned: what a program
///   does whose object holds its own lock and goes with its last user.
/// - A queue node that its CPU has given back is used by nobody: an interrupt may take it at any
///   moment. Other CPUs may touch its state, because kicks may come late.
enum Lifetime {
  /// What `ModelMemory.users` holds of a lock that is freed; while a CPU is about to poison it, that less
  /// the CPU's number, less one.
  static var freed: UInt64 { .max }
  /// What memory holds that is freed: as a lock word, nothing that anybody can take or leave.
  static var poison: UInt32 { 0xdead_dead }

  /// What is wrong with an access, if anything is.
  static func check(_ access: WatchedAccess) -> String? {
    if access.address >= ModelMemory.lock(0).whole.address,
      access.address < ModelMemory.lock(ModelMemory.locks).whole.address
    {
      let users = access.read(ModelMemory.users(ModelMemory.lockIndex(access.address)).address)
      let isFreed = users > .max / 2 && users != freed &- UInt64(access.cpu) &- 1
      return isFreed ? "a lock was touched after it was freed" : nil
    }
    guard let node = Node(access.address),
      node.offset < Node.state || node.cpu == ModelSettings.current.numbers[access.cpu]
    else { return nil }
    let taken = access.read(ModelMemory.depth(node.cpu).address, width: 4)
    return taken > UInt64(node.index) ? nil : "a queue node was used after it was given back"
  }

  /// One acquisition less to come; whether it was the last, and the lock is to be freed.
  static func isLast(_ lock: UInt) -> Bool {
    let users = Simulated.load(ModelMemory.users(lock), .relaxed)
    guard users != 0 else { return false }
    Simulated.store(users &- 1, to: ModelMemory.users(lock), .relaxed)
    return users == 1
  }

  /// Frees a lock.
  ///
  /// The poison finds stores that were made before and come after.
  static func free(_ lock: UInt) {
    Simulated.store(freed &- UInt64(Simulated.cpu) &- 1, to: ModelMemory.users(lock), .relaxed)
    Simulated.store(poison, to: ModelMemory.lock(lock).whole, .relaxed)
    Simulated.store(freed, to: ModelMemory.users(lock), .relaxed)
  }
}

/// A queue node that an address lies in.
struct Node {
  var cpu: UInt32
  var index: UInt32
  var offset: UInt

  /// Where in a node its state is.
  static var state: UInt { 12 }

  /// Nil if it lies in none.
  init?(_ address: UInt) {
    guard address >= ModelMemory.area(0), address < ModelMemory.hash else { return nil }
    let (cpu, place) = (
      (address &- ModelMemory.area(0)) / PerCPUArea.size,
      (address &- ModelMemory.area(0)) % PerCPUArea.size
    )
    guard place >= 64 else { return nil }
    self.cpu = UInt32(cpu)
    index = UInt32(place / 64 &- 1)
    offset = place % 64
  }
}
