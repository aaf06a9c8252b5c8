// What glue.c and the kernel offer. Contracts are with the C functions.

@_extern(c, "tidelock_c_sites_path")
func sitesPath() -> UnsafePointer<UInt8>

@_extern(c, "tidelock_c_log")
func kernelLog(_ text: UnsafePointer<UInt8>, _ size: Int32)

@_extern(c, "tidelock_c_symbol")
func kernelSymbol(_ name: UnsafePointer<UInt8>) -> UInt

@_extern(c, "tidelock_c_symbol_name")
func symbolName(_ address: UInt) -> UnsafePointer<UInt8>

// MARK: Memory and files

@_extern(c, "tidelock_c_allocate")
func allocate(_ size: UInt) -> UnsafeMutableRawPointer?

@_extern(c, "tidelock_c_free")
func free(_ memory: UnsafeMutableRawPointer?, _ size: UInt)

@_extern(c, "tidelock_c_read_file")
func readFile(
  _ path: UnsafePointer<UInt8>, _ content: UnsafeMutablePointer<UnsafeMutableRawPointer?>
) -> Int

@_extern(c, "tidelock_c_close")
func closeFile(_ content: UnsafeMutableRawPointer?)

@_extern(c, "tidelock_c_release")
func kernelRelease() -> UnsafePointer<UInt8>

@_extern(c, "tidelock_c_version")
func kernelVersion() -> UnsafePointer<UInt8>

@_extern(c, "tidelock_c_possible_cpus")
func possibleCPUs() -> UInt

// MARK: Code

@_extern(c, "tidelock_c_lock_text")
func lockText()

@_extern(c, "tidelock_c_unlock_text")
func unlockText()

@_extern(c, "tidelock_c_read_code")
func readCode(_ into: UnsafeMutableRawPointer, _ address: UInt, _ size: UInt) -> Bool

@_extern(c, "tidelock_c_write_code")
func writeCode(_ address: UInt, _ bytes: UInt64, _ size: UInt)

@_extern(c, "tidelock_c_serialize")
func serialize()

// MARK: Waiting for CPUs

@_extern(c, "tidelock_c_begin_grace_period")
func beginGracePeriod() -> UInt

@_extern(c, "tidelock_c_grace_period_is_over")
func gracePeriodIsOver(_ cookie: UInt) -> Bool

@_extern(c, "tidelock_c_interrupt_all")
func interruptAll()

@_extern(c, "tidelock_c_wait_for_tasks")
func waitForTasks()

@_extern(c, "tidelock_c_rest")
func shortRest()

@_extern(c, "tidelock_c_long_rest")
func longRest()

@_extern(c, "tidelock_c_relax")
func relax()

@_extern(c, "tidelock_c_nanoseconds")
func nanosecondsNow() -> UInt64

@_extern(c, "tidelock_c_hold_cpus")
func holdCPUs()

@_extern(c, "tidelock_c_release_cpus")
func releaseCPUs()

// MARK: What the kernel knows about its lock operations

@_extern(c, "tidelock_c_operation")
func kernelOperation(_ operation: Int32) -> UInt

@_extern(c, "tidelock_c_set_operation")
func setKernelOperation(_ operation: Int32, _ function: UInt, _ paravirtual: Bool)

@_extern(c, "tidelock_c_key_is_set")
func keyIsSet(_ key: UInt) -> Bool

@_extern(c, "tidelock_c_set_key")
func setKey(_ key: UInt, _ set: Bool)

@_extern(c, "tidelock_c_kvm_kicks")
func kvmKicks() -> Bool

@_extern(c, "tidelock_c_kvm_steal_time")
func kvmStealTime() -> Bool

@_extern(c, "tidelock_c_module_with_sites")
func moduleWithSites() -> UnsafePointer<UInt8>?

@_extern(c, "tidelock_c_hint_period")
func hintPeriod() -> UInt64

@_extern(c, "tidelock_c_set_hint_period")
func setHintPeriod(_ milliseconds: UInt64)

// The slow paths that the gate goes on into; both are exported.

@_extern(c, "native_queued_spin_lock_slowpath")
func nativeSlowPath(_ lock: UInt, _ value: UInt32)

@_extern(c, "__pv_queued_spin_lock_slowpath")
func paravirtualSlowPath(_ lock: UInt, _ value: UInt32)

// Code of the module that sites may call: addresses, not for calling from here.

@_extern(c, "tidelock_c_gate")
func gateAddress() -> UInt

@_extern(c, "tidelock_c_wait")
func haltingWaitAddress() -> UInt

@_extern(c, "tidelock_c_kick")
func haltingKickAddress() -> UInt

/// Error numbers of the kernel.
enum ErrorNumber {
  static var noEntry: Int { -2 }
  static var io: Int { -5 }
  static var noMemory: Int { -12 }
  static var busy: Int { -16 }
  static var noDevice: Int { -19 }
  static var invalid: Int { -22 }
  static var timedOut: Int { -62 }
}
