// SPDX-License-Identifier: MIT
/*
 * A module whose only lock operation is an unlock, as one has that takes its locks by a function and
 * releases them inline: for the tests of what tidelock.ko does about it.
 */
#include <linux/module.h>
#include <linux/spinlock.h>

static arch_spinlock_t lock = __ARCH_SPIN_LOCK_UNLOCKED;

/* Only this is a patch site of the module. */
static noinline void release(void)
{
	arch_spin_unlock(&lock);
}

static int __init load(void)
{
	/* Nobody else knows the lock. */
	lock.locked = 1;
	release();
	return lock.locked ? -EINVAL : 0;
}

static void __exit unload(void)
{
}

module_init(load);
module_exit(unload);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Has an unlock of its own");
