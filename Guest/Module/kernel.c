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
#include <linux/kvm_para.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/static_call.h>
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

static void *no_poke(void *address, const void *bytes, size_t size)
{
	return NULL;
}

static void no_sync(void)
{
}
DEFINE_STATIC_CALL(tidelock_lookup, no_lookup);
DEFINE_STATIC_CALL(tidelock_poke, no_poke);

static void no_unlock(unsigned long lock)
{
}
DEFINE_STATIC_CALL(tidelock_sync, no_sync);
DEFINE_STATIC_CALL(tidelock_unlock, no_unlock);
static struct mutex *text_lock;

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
	text_lock = (struct mutex *)static_call(tidelock_lookup)("text_mutex");
	address = static_call(tidelock_lookup)("text_poke");
	if (!text_lock || !address || !static_call(tidelock_lookup)("text_poke_sync"))
		return -ENOENT;
	static_call_update(tidelock_poke, (typeof(&no_poke))address);
	/* Preserves more registers than its callers here expect, and takes the lock where C does. */
	address = static_call(tidelock_lookup)("__raw_callee_save___pv_queued_spin_unlock");
	if (!address)
		return -ENOENT;
	static_call_update(tidelock_unlock, (typeof(&no_unlock))address);
	static_call_update(tidelock_sync, (typeof(&no_sync))static_call(tidelock_lookup)("text_poke_sync"));
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

/* ---- Code ---- */

void tidelock_c_lock_text(void)
{
	mutex_lock(text_lock);
}

void tidelock_c_unlock_text(void)
{
	mutex_unlock(text_lock);
}

/* Reads code that may not be there; false if it is not. */
bool tidelock_c_read_code(void *into, word address, word size)
{
	return copy_from_kernel_nofault(into, (const void *)address, size) == 0;
}

/* What was written since the CPUs were serialized last. */
static struct {
	word address;
	unsigned long long bytes;
	word size;
} written[128];
static unsigned int written_count;

/* With the text lock held, as is all here. */
void tidelock_c_write_code(word address, unsigned long long bytes, word size)
{
	static_call(tidelock_poke)((void *)address, &bytes, size);
	if (written_count < ARRAY_SIZE(written)) {
		written[written_count].address = address;
		written[written_count].bytes = bytes;
		written[written_count++].size = size;
	}
}

/*
 * Every CPU has executed a core-serializing instruction when it returns.
 *
 * Then the same bytes are written once more. To a processor that is nothing. An emulator may have
 * been translating the old ones just while they changed, and have kept that: QEMU 7.2 does, and runs
 * it in spite of the serialization. By now it is done, and this write throws it away.
 */
void tidelock_c_serialize(void)
{
	unsigned int i;

	static_call(tidelock_sync)();
	for (i = 0; i < written_count; i++)
		static_call(tidelock_poke)((void *)written[i].address, &written[i].bytes, written[i].size);
	written_count = 0;
}

/*
 * Maps pages of the kernel's text once more, one behind the other, writable; 0 if there is no room.
 * text_poke() takes a spinlock itself, so it cannot be used where the sites it would meet are just
 * those that are being written: by whom all CPUs wait for.
 */
word tidelock_c_map_text(const word *pages, word count)
{
	struct page **list = kmalloc_array(count, sizeof(*list), GFP_KERNEL);
	void *mapping;
	word i;

	if (!list)
		return 0;
	for (i = 0; i < count; i++)
		list[i] = virt_to_page((void *)pages[i]);
	mapping = vmap(list, count, VM_MAP, PAGE_KERNEL);
	kfree(list);
	return (word)mapping;
}

void tidelock_c_unmap_text(word mapping)
{
	vunmap((void *)mapping);
}

void tidelock_c_paravirtual_unlock(word lock)
{
	static_call(tidelock_unlock)(lock);
}

/* ---- Waiting for CPUs ---- */

static void nothing(void *data)
{
}

word tidelock_c_begin_grace_period(void)
{
	return start_poll_synchronize_rcu_expedited();
}

bool tidelock_c_grace_period_is_over(word cookie)
{
	return poll_state_synchronize_rcu(cookie);
}

/* Every CPU has been where interrupts are on: also those idle ones that RCU does not watch. */
void tidelock_c_interrupt_all(void)
{
	on_each_cpu(nothing, NULL, 1);
}

/* No task stands where it stood, not even one that was preempted there. */
void tidelock_c_wait_for_tasks(void)
{
	synchronize_rcu_tasks();
	synchronize_rcu_expedited();
	tidelock_c_interrupt_all();
}

void tidelock_c_rest(void)
{
	usleep_range(200, 400);
}

void tidelock_c_long_rest(void)
{
	msleep(500);
}

void tidelock_c_relax(void)
{
	cpu_relax();
}

unsigned long long tidelock_c_nanoseconds(void)
{
	return sched_clock();
}

/* No CPU comes or goes between the two. */
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
 * Modules loaded from now on get this function at their sites, and no inline code in its stead
 * if it is paravirtual.
 */
void tidelock_c_set_operation(int operation, word function, bool paravirtual)
{
	int feature = operation == 1 ? X86_FEATURE_PVUNLOCK : X86_FEATURE_VCPUPREEMPT;

	WRITE_ONCE(((unsigned long *)&pv_ops.lock)[operation], function);
	if (operation != 1 && operation != 4)
		return;
	assign_bit(feature, (unsigned long *)boot_cpu_data.x86_capability, paravirtual);
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

static bool kvm_offers(unsigned int feature)
{
	u32 leaf = hypervisor_cpuid_base(KVM_SIGNATURE, 0);

	return leaf && cpuid_eax(leaf | KVM_CPUID_FEATURES) & BIT(feature);
}

/* Whether the hypervisor wakes a halted CPU on request, with interrupts off too. */
bool tidelock_c_kvm_kicks(void)
{
	return kvm_offers(KVM_FEATURE_PV_UNHALT);
}

bool tidelock_c_kvm_steal_time(void)
{
	return kvm_offers(KVM_FEATURE_STEAL_TIME);
}
