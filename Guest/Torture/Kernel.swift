// The kernel's own entries to its spinlocks: what a module's raw_spin_lock() calls. They hold the
// patch sites of the slow path and of unlock. Only the plain unlock is in glue.c: not every kernel
// has an entry to it.

@_extern(c, "_raw_spin_lock")
func rawSpinLock(_ lock: UInt)

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
