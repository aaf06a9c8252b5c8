// SPDX-License-Identifier: MIT
/*
 * A module with lock operations of its own, as modules outside the kernel's tree may have them:
 * for the tests of what tidelock.ko does about them.
 */
#include <linux/module.h>
#include <linux/spinlock.h>

static arch_spinlock_t lock = __ARCH_SPIN_LOCK_UNLOCKED;
static unsigned long count;

/* Inlined here, slow path and unlock are patch sites of this module. */
static noinline void use(void)
{
	unsigned long flags;

	local_irq_save(flags);
	arch_spin_lock(&lock);
	count++;
	arch_spin_unlock(&lock);
	local_irq_restore(flags);
}

static int __init load(void)
{
	use();
	return 0;
}

static void __exit unload(void)
{
	use();
}

module_init(load);
module_exit(unload);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Has lock operations of its own");
