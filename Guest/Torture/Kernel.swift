/// What glue.c and the kernel offer. Contracts are with the C functions.

@_extern(c, "tidelock_torture_c_loop")
func loop(_ loops: UInt64)

@_extern(c, "tidelock_torture_c_ticks")
func ticks() -> UInt64

@_extern(c, "tidelock_torture_c_ticks_per_millisecond")
func ticksPerMillisecond() -> UInt64

@_extern(c, "tidelock_torture_c_should_stop")
func shouldStop() -> Bool

@_extern(c, "tidelock_torture_c_send_nmi")
func sendNMI(_ worker: Int)

@_extern(c, "tidelock_torture_c_start")
func startWorkers(_ timers: Bool) -> Int

@_extern(c, "tidelock_torture_c_stop")
func stopWorkers()

// The kernel's own entries to its spinlocks: what a module's raw_spin_lock() calls. They hold the
// patch sites of the slow path and of unlock.

@_extern(c, "_raw_spin_lock")
func rawSpinLock(_ lock: UInt)

@_extern(c, "_raw_spin_unlock")
func rawSpinUnlock(_ lock: UInt)

@_extern(c, "_raw_spin_trylock")
func rawSpinTryLock(_ lock: UInt) -> Int32

@_extern(c, "_raw_spin_lock_bh")
func rawSpinLockDisablingSoftirqs(_ lock: UInt)

@_extern(c, "_raw_spin_unlock_bh")
func rawSpinUnlockEnablingSoftirqs(_ lock: UInt)

@_extern(c, "_raw_spin_lock_irqsave")
func rawSpinLockDisablingInterrupts(_ lock: UInt) -> UInt

@_extern(c, "_raw_spin_unlock_irqrestore")
func rawSpinUnlockRestoringInterrupts(_ lock: UInt, _ flags: UInt)
