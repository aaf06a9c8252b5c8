/// The slow paths that the gate goes on into; the kernel exports both.
@_extern(c, "native_queued_spin_lock_slowpath")
func nativeSlowPath(_ lock: UInt, _ value: UInt32)

@_extern(c, "__pv_queued_spin_lock_slowpath")
func paravirtualSlowPath(_ lock: UInt, _ value: UInt32)

/// Error numbers of the kernel.
enum ErrorNumber {
  static var notPermitted: Int { -1 }
  static var noEntry: Int { -2 }
  static var io: Int { -5 }
  static var tryAgain: Int { -11 }
  static var noMemory: Int { -12 }
  static var busy: Int { -16 }
  static var noDevice: Int { -19 }
  static var invalid: Int { -22 }
  static var timedOut: Int { -62 }
}
