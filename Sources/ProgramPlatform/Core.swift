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
  while unsafe !takeOver(image, record) {
    guard Retry.makeRoomForNative() else { break }
  }
}

/// Puts an image on the list, with sites that hold what the state says of unlock; false, and nothing
/// is done, if they cannot and the process must be native.
///
/// Nil for its record if there is no memory for one.
private func takeOver(
  _ image: UnsafeMutablePointer<tidelock_image>, _ record: UnsafeMutablePointer<ImageRecord>?
) -> Bool {
  Process.withImages {
    Process.start()
    guard let record = unsafe record else {
      // Sites that nobody knows stay what they are. Where they are native, so must the process be.
      guard unsafe ImageRecord.mayBeNative(image) else { return true }
      let mayStay = Process.state[.unlock].contains(.native)
      if mayStay { Process.giveUpSwitching() }
      return mayStay
    }
    switch unsafe ImageSites(record: record).followState() {
    case .needsNative: return false
    case .follows: unsafe Images.link(record)
    // On no list, so no switch looks at it.
    case .staysParavirtual: break
    }
    unsafe image.pointee.record = UnsafeMutableRawPointer(record)
    return true
  }
}

/// How an image's sites and the state of the process go together.
private enum Following {
  /// The sites are switched with all others.
  case follows
  /// They are paravirtual for ever, which is sound beside every slow path.
  case staysParavirtual
  /// Some are native for ever, and must not be beside waiters that sleep.
  case needsNative
}

extension ImageSites {
  /// Brings the sites of an image that is not on the list yet from what its file has to what the state
  /// says of unlock.
  ///
  /// Contract: `images_lock` is held.
  fileprivate func followState() -> Following {
    let wanted = Process.state[.unlock]
    let inFile = unsafe record.pointee.inFile
    // What a table of an unknown version says nobody knows; the first version had native sites.
    if unsafe record.pointee.unknown != 0, !wanted.contains(.native) { return .needsNative }
    // Where both are in place, as after a switch that got stuck, they may stay so.
    if wanted.union(inFile) == wanted { return .follows }
    guard let one = wanted.first, !become(one) else { return .follows }
    if inFile == Implementations(.paravirtual) { return .staysParavirtual }
    // A switch that comes to such an image is refused, and names it.
    return wanted.contains(.native) ? .follows : .needsNative
  }

  /// Brings the sites to one unlock; false, and they are as before, if that is refused.
  private func become(_ wanted: Implementation) -> Bool {
    guard let (low, high) = bounds else { return true }
    // Pages that stay writable are reported by the next switch.
    defer { _ = TextWindows.close(reporting: false) }
    guard (try? TextWindows.open(from: low, to: high)) != nil else { return false }
    // An image that attaches again holds what the last switch left.
    var state = SwitchState(.native)
    state[.unlock] = state[.unlock].with(.paravirtual)
    var unlock = Batch()
    unlock[.unlock] = wanted
    let pokes = BatchPokes(unlock, of: self, in: state)
    guard (try? Patcher<ProgramCode>.verify(pokes, .store)) != nil else { return false }
    // Every site is written before the cores serialize, and whether they do is of no effect: nobody
    // executes the sites yet.
    try? Patcher<ProgramCode>.poke(pokes, .store)
    return true
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

/// For how long native locks stood still, in nanoseconds.
@c(tidelock_core_stalled)
public func stalled() -> UInt64 { NativeStalls.nanoseconds }

/// How often an event (`LockEvent`) was counted by all threads, ever.
@c(tidelock_core_count)
public func count(_ event: UInt32) -> UInt64 {
  guard let event = LockEvent(rawValue: UInt8(truncatingIfNeeded: event)) else { return 0 }
  var sum = ProgramMachine.load(ProgramMachine.unnumbered(event), .relaxed)
  ThreadRecord.each { sum &+= ProgramMachine.load($0.events(event), .relaxed) }
  return sum
}
