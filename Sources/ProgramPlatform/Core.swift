import CodePatching
import LockPlatform
import LockSwitching
import UserSpaceShims

// The entries of struct tidelock_core that are not lock operations. SlowPathEntry.swift has those.

/// Takes over an image's sites before any of them executes: called from its first constructor.
@c(tidelock_core_attach)
public func attach(_ image: UnsafeMutablePointer<tidelock_image>?) {
  guard let image = unsafe image else { return }
  let record = unsafe ImageRecord.make(image)
  while unsafe !takeOver(image, record) { Retry.makeRoomForNative() }
}

/// Puts an image on the list, with sites that hold what the state says of unlock; false, and nothing
/// is done, if they cannot.
///
/// Nil for its record if there is no memory for one.
private func takeOver(
  _ image: UnsafeMutablePointer<tidelock_image>, _ record: UnsafeMutablePointer<ImageRecord>?
) -> Bool {
  Process.withImages {
    Process.start()
    // A new image's sites are native: where both are in place, as after a switch that got stuck,
    // they may stay so.
    let mayStay = Process.state[.unlock].contains(.native)
    guard let record = unsafe record else {
      // Sites that nobody knows: native is the only set left.
      if mayStay { Process.giveUpSwitching() }
      return mayStay
    }
    guard unsafe mayStay || ImageSites(record: record).becomeParavirtual() else { return false }
    unsafe image.pointee.record = UnsafeMutableRawPointer(record)
    unsafe Images.link(record)
    return true
  }
}

extension ImageSites {
  /// Brings the native sites of an image that is not on the list yet to the paravirtual unlock;
  /// false, and they are native, if that is refused.
  ///
  /// Contract: `images_lock` is held.
  fileprivate func becomeParavirtual() -> Bool {
    guard let (low, high) = bounds else { return true }
    guard unsafe record.pointee.isUnderstood else { return false }
    // Pages that stay writable are reported by the next switch.
    defer { _ = TextWindows.close(reporting: false) }
    guard (try? TextWindows.open(from: low, to: high)) != nil else { return false }
    var unlock = Batch()
    unlock[.unlock] = .paravirtual
    let pokes = BatchPokes(unlock, of: self, in: SwitchState(.native))
    do throws(PatchError) {
      _ = try Patcher<ProgramCode>.verify(pokes, .store)
    } catch {
      return false
    }
    do throws(PatchError) {
      try Patcher<ProgramCode>.poke(pokes, .store)
      return true
    } catch {
      unlock[.unlock] = .native
      // Of no effect on what the sites hold whether the cores serialize: none executes them yet.
      try? Patcher<ProgramCode>.poke(
        BatchPokes(unlock, of: self, in: SwitchState(.paravirtual)), .store)
      return false
    }
  }
}

/// Lets go of an image's sites: called from its last destructor, so none executes any more.
@c(tidelock_core_detach)
public func detach(_ image: UnsafeMutablePointer<tidelock_image>?) {
  Process.withImages {
    guard let image = unsafe image, let memory = unsafe image.pointee.record else { return }
    unsafe image.pointee.record = nil
    let record = unsafe memory.assumingMemoryBound(to: ImageRecord.self)
    if let (low, high) = unsafe ImageSites(record: record).bounds {
      TextWindows.forget(from: low, to: high)
    }
    unsafe Images.unlink(record)
  }
}

/// Switches.
///
/// Types and contract are those of `SwitchRequest` and `SwitchReport`: `request` is initialized,
/// `report` is memory for one.
@c(tidelock_core_perform)
public func perform(_ request: UnsafeRawPointer?, _ report: UnsafeMutableRawPointer?) {
  guard let request = unsafe request, let report = unsafe report else { return }
  let result = unsafe Process.perform(request.assumingMemoryBound(to: SwitchRequest.self).pointee)
  unsafe report.initializeMemory(as: SwitchReport.self, to: result)
}

/// The set in force, as `LockSet`.
@c(tidelock_core_current)
public func current() -> UInt32 {
  UInt32(Process.state.set.rawValue)
}

/// How often an event (`LockEvent`) was counted by all threads, ever.
@c(tidelock_core_count)
public func count(_ event: UInt32) -> UInt64 {
  guard let event = LockEvent(rawValue: UInt8(truncatingIfNeeded: event)) else { return 0 }
  var sum = ProgramMachine.load(ProgramMachine.unnumbered(event), .relaxed)
  ThreadRecord.each { sum &+= ProgramMachine.load($0.events(event), .relaxed) }
  return sum
}
