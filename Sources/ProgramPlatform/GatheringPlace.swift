import LockPlatform
import UserSpaceShims

/// Where a thread that is asked to gather answers: `struct tidelock_place`.
struct GatheringPlace {
  let address: UInt

  init(address: UInt) {
    self.address = address
  }

  init(_ index: UInt32) {
    address = tidelock_place_address(index)
  }

  static var leader: GatheringPlace { GatheringPlace(0) }

  /// The answer of a thread that cannot be held: it is inside a slow path.
  static var inside: UInt64 { .max }

  /// The place of a thread that is asked to gather.
  static func of(_ tid: UInt32) -> GatheringPlace? {
    // Acquiring, both; pair with the releases in `Gathering.ask`.
    for index in 1..<max(1, ProgramMachine.load(end, .acquiring)) {
      let place = GatheringPlace(index)
      if ProgramMachine.load(place.tid, .acquiring) == tid { return place }
    }
    return nil
  }

  // Each of these locations is inside memory that is never unmapped, or in the core's state.
  var acknowledged: Location<UInt64> {
    unsafe Location(address: tidelock_place_acknowledged(address))
  }
  var tid: Location<UInt32> { unsafe Location(address: tidelock_place_tid(address)) }
  var isExcused: Location<UInt32> { unsafe Location(address: tidelock_place_is_excused(address)) }
  /// One more than the highest in use.
  static var end: Location<UInt32> { unsafe Location(address: tidelock_state_place_end()) }
  static var straggler: Location<UInt32> { unsafe Location(address: tidelock_state_straggler()) }
}
