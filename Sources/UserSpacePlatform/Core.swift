import CodePatching
import LockPlatform
import LockSwitching
import UserSpaceShims

// The entries of struct tidelock_core that are not lock operations. SlowPathEntry.swift has those.

/// Takes over an image's sites before any of them executes: called from its first constructor.
@c(tidelock_core_attach)
public func attach(_ image: UnsafeMutablePointer<tidelock_image>?) {
  guard let image = unsafe image else { return }
  while unsafe !takeOver(image) { Unfollowing.retreat() }
}

/// Brings an image to the set in force and puts it on the list; false, and nothing is done, if it
/// cannot follow.
private func takeOver(_ image: UnsafeMutablePointer<tidelock_image>) -> Bool {
  Process.withImages {
    Process.start()
    let wanted = UserSpace.implementation(of: .unlock)
    guard let record = unsafe ImageRecord.make(image) else {
      // Sites that nobody knows: native is the only set left.
      if wanted == .native { Process.giveUpSwitching() }
      return wanted == .native
    }
    let sites = unsafe ImageSites(record: record)
    if wanted != .native, let bounds = sites.bounds {
      guard unsafe record.pointee.isUnderstood,
        (try? ProgramSwitching.pokeText(
          sites, [bounds], from: .native, to: wanted, by: .store)) != nil
      else {
        unsafe ImageRecord.discard(record)
        return false
      }
    }
    unsafe image.pointee.record = UnsafeMutableRawPointer(record)
    unsafe Images.link(record)
    return true
  }
}

/// Lets go of an image's sites: called from its last destructor, so none executes any more.
@c(tidelock_core_detach)
public func detach(_ image: UnsafeMutablePointer<tidelock_image>?) {
  Process.withImages {
    guard let image = unsafe image, let record = unsafe image.pointee.record else { return }
    unsafe image.pointee.record = nil
    unsafe Images.unlink(record.assumingMemoryBound(to: ImageRecord.self))
  }
}

/// Switches.
///
/// Types and contract are those of `SwitchOrder` and `SwitchOutcome`: `order` is initialized,
/// `outcome` is memory for one.
@c(tidelock_core_perform)
public func perform(_ order: UnsafeRawPointer?, _ outcome: UnsafeMutableRawPointer?) {
  guard let order = unsafe order, let outcome = unsafe outcome else { return }
  let result = unsafe Process.perform(order.assumingMemoryBound(to: SwitchOrder.self).pointee)
  unsafe outcome.initializeMemory(as: SwitchOutcome.self, to: result)
}

/// The set in force, as `LockSet`.
@c(tidelock_core_current)
public func current() -> UInt32 {
  UInt32(Process.set.rawValue)
}

/// How often an event (`LockEvent`) was counted by all threads, ever.
@c(tidelock_core_count)
public func count(_ event: UInt32) -> UInt64 {
  guard let event = LockEvent(rawValue: UInt8(truncatingIfNeeded: event)) else { return 0 }
  var sum: UInt64 = 0
  ThreadRecord.each { sum &+= UserSpace.load($0.events(event), .relaxed) }
  return sum
}
