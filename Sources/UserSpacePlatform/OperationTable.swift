import LockPlatform
import UserSpaceShims

// Which implementation of each operation is in place. In a program the table is memory for all
// operations but unlock, whose sites are text; unlock's entry says what the sites hold.
extension UserSpace {
  /// The table's entry of an operation, as the raw value of an `Implementation`.
  @inline(__always)
  static func entry(of operation: LockOperation) -> Location<UInt32> {
    // The table lives as long as the process.
    unsafe Location(address: tidelock_table_entry(UInt32(operation.rawValue)))
  }

  /// What is in place.
  ///
  /// Relaxed: for advice, and for operations that only paravirtual bodies call, which are put in
  /// place before the first such body and stay until after the last.
  @inline(__always)
  static func implementation(of operation: LockOperation) -> Implementation {
    switch load(entry(of: operation), .relaxed) {
    case 1: .paravirtual
    case 2: .testAndSet
    case 3: .gate
    default: .native
    }
  }
}
