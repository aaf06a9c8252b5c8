// SPDX-License-Identifier: MIT
/*
 * The kernel's services for the Swift half: macros, inline functions, functions that are not
 * exported, structures whose layout only the headers know.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/jump_label.h>
#include <linux/kallsyms.h>
#include <linux/kernel_read_file.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/static_call.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/utsname.h>
#include <linux/vmalloc.h>
#include <asm/cpufeature.h>
#include <asm/paravirt.h>
#include "glue.h"
#include "services.h"

/*
 * Kernel functions that are not exported. Static calls, because a direct call needs no ENDBR at
 * its target: the kernel seals the functions whose address it never takes.
 */
static unsigned long no_lookup(const char *name)
{
	return 0;
}

DEFINE_STATIC_CALL(tidelock_lookup, no_lookup);

static void no_unlock(unsigned long lock)
{
}
DEFINE_STATIC_CALL(tidelock_unlock, no_unlock);

/* The forced capabilities, which the kernel applies again to every CPU that comes. */
static unsigned long *caps_set, *caps_cleared;

/* The address of a kernel symbol, 0 if there is none. */
word tidelock_c_symbol(const unsigned char *name)
{
	return static_call(tidelock_lookup)((const char *)name);
}

/* Needed before anything else here.
 *
 * kallsyms_lookup_name is not exported either, but a kprobe finds any symbol. */
int tidelock_find_kernel(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	unsigned long address;
	int error = register_kprobe(&probe);

	if (error)
		return error;
	address = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	/* Where functions begin with ENDBR the probe stands behind it. */
	if (IS_ENABLED(CONFIG_X86_KERNEL_IBT))
		address &= ~15UL;
	static_call_update(tidelock_lookup, (typeof(&no_lookup))address);
	/* Preserves more registers than its callers here expect, and takes the lock where C does. */
	address = static_call(tidelock_lookup)("__raw_callee_save___pv_queued_spin_unlock");
	caps_set = (unsigned long *)static_call(tidelock_lookup)("cpu_caps_set");
	caps_cleared = (unsigned long *)static_call(tidelock_lookup)("cpu_caps_cleared");
	if (!address || !caps_set || !caps_cleared)
		return -ENOENT;
	static_call_update(tidelock_unlock, (typeof(&no_unlock))address);
	return 0;
}

/* The kernel symbol that an address lies in, for messages. */
const unsigned char *tidelock_c_symbol_name(word address)
{
	static char name[KSYM_SYMBOL_LEN];

	sprint_symbol(name, address);
	return (const unsigned char *)name;
}

/* ---- Memory and files ---- */

void *tidelock_c_allocate(word size)
{
	return alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO);
}

void tidelock_c_free(void *memory, word size)
{
	if (memory)
		free_pages_exact(memory, size);
}

/* Reads a whole file; its size or a negative error. Give it back with tidelock_c_close. */
long tidelock_c_read_file(const unsigned char *path, void **content)
{
	return kernel_read_file_from_path((const char *)path, 0, content, 1 << 20, NULL, READING_FIRMWARE);
}

void tidelock_c_close(void *content)
{
	vfree(content);
}

const unsigned char *tidelock_c_release(void)
{
	return (const unsigned char *)init_utsname()->release;
}

const unsigned char *tidelock_c_version(void)
{
	return (const unsigned char *)init_utsname()->version;
}

word tidelock_c_possible_cpus(void)
{
	return num_possible_cpus();
}

void tidelock_c_paravirtual_unlock(word lock)
{
	static_call(tidelock_unlock)(lock);
}

/* ---- Waiting for CPUs ---- */

/* In an interrupt, so outside of an NMI. */
static void settle_nmis(void *data)
{
	tidelock_settle_nmis();
}

word tidelock_c_begin_grace_period(void)
{
	return start_poll_synchronize_rcu_expedited();
}

bool tidelock_c_grace_period_is_over(word cookie)
{
	return poll_state_synchronize_rcu(cookie);
}

/* Every CPU has been where interrupts are on, including idle CPUs that RCU does not watch. */
void tidelock_c_interrupt_all(void)
{
	on_each_cpu(settle_nmis, NULL, 1);
}

/*
 * Every CPU has left the preemption-off code that it was in. A task that gets no CPU does not prolong
 * this, as it would prolong synchronize_rcu_tasks().
 */
void tidelock_c_pass_preemption(void)
{
	synchronize_rcu_expedited();
	tidelock_c_interrupt_all();
}

void tidelock_c_rest(void)
{
	usleep_range(200, 400);
}

void tidelock_c_relax(void)
{
	cpu_relax();
}

/* How far the kernel's own time is ahead of this CPU's counter. */
static DEFINE_PER_CPU(u64, clock_offset);

static void set_clock(void *data)
{
	this_cpu_write(clock_offset, ktime_get_mono_fast_ns() - sched_clock());
}

/* Makes each CPU's counter agree with the kernel's own time, for the next switch. With the CPUs held. */
void tidelock_c_set_clocks(void)
{
	on_each_cpu(set_clock, NULL, 1);
}

/*
 * In any context. The kernel's own time, where it may be read. In a slow path, a handler, or while all
 * CPUs are stopped it may not: reading some of its sources (HPET) takes a lock, whose unlock may be the
 * site in transit, and costs an exit to the hypervisor. There it is this CPU's counter, which is only
 * as good as its calibration.
 */
unsigned long long tidelock_c_nanoseconds(void)
{
	if (preemptible())
		return ktime_get_mono_fast_ns();
	return sched_clock() + raw_cpu_read(clock_offset);
}

/* No CPU goes online or offline between the two. */
void tidelock_c_hold_cpus(void)
{
	cpus_read_lock();
}

void tidelock_c_release_cpus(void)
{
	cpus_read_unlock();
}

/* ---- What the kernel knows about its lock operations ---- */

static_assert(sizeof(struct pv_lock_ops) == 5 * sizeof(long), "not the operations we know");

/* `operation` as in Swift's LockOperation, which has the order of pv_lock_ops. */
word tidelock_c_operation(int operation)
{
	return READ_ONCE(((unsigned long *)&pv_ops.lock)[operation]);
}

/*
 * Modules loaded from now on get this function at their sites, and of the unlock no inline code in its
 * stead if it is paravirtual. That is a capability, and those are computed anew whenever a CPU comes
 * online, from what every CPU has and then from the forced ones: so it is forced.
 */
void tidelock_c_set_operation(int operation, word function, bool paravirtual)
{
	WRITE_ONCE(((unsigned long *)&pv_ops.lock)[operation], function);
	if (operation != TIDELOCK_UNLOCK)
		return;
	assign_bit(X86_FEATURE_PVUNLOCK, caps_set, paravirtual);
	assign_bit(X86_FEATURE_PVUNLOCK, caps_cleared, !paravirtual);
	assign_bit(X86_FEATURE_PVUNLOCK, (unsigned long *)boot_cpu_data.x86_capability, paravirtual);
}

/* As they were before the module changed them: that capability set, cleared, or neither by force. */
unsigned int tidelock_c_forced(void)
{
	return test_bit(X86_FEATURE_PVUNLOCK, caps_set) |
	       test_bit(X86_FEATURE_PVUNLOCK, caps_cleared) << 1;
}

void tidelock_c_restore_forced(unsigned int forced)
{
	assign_bit(X86_FEATURE_PVUNLOCK, caps_set, forced & 1);
	assign_bit(X86_FEATURE_PVUNLOCK, caps_cleared, forced & 2);
}

bool tidelock_c_key_is_set(word key)
{
	return static_key_enabled((struct static_key *)key);
}

/* With the CPUs held. */
void tidelock_c_set_key(word key, bool set)
{
	if (set)
		static_key_enable_cpuslocked((struct static_key *)key);
	else
		static_key_disable_cpuslocked((struct static_key *)key);
}
