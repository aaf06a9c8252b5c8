// SPDX-License-Identifier: MIT
/*
 * The part of tidelock.ko that must be C: kernel macros and inline functions, and the structures
 * whose layout only the headers know. What the module decides and does is in Swift; names that
 * begin with tidelock_c_ are called from there, names that begin with tidelock_ are called here.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/jump_label.h>
#include <linux/kallsyms.h>
#include <linux/kdebug.h>
#include <linux/kernel_read_file.h>
#include <linux/kobject.h>
#include <linux/kprobes.h>
#include <linux/kvm_para.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/static_call.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <linux/utsname.h>
#include <linux/version.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <asm/cpufeature.h>
#include <asm/paravirt.h>
#include "halt.h"

/* In Swift. Files are numbered in the order of the table below. */
long tidelock_load(void);
void tidelock_unload(void);
long tidelock_show(int file, char *page, long size);
long tidelock_store(int file, const char *text, long size);
bool tidelock_breakpoint(unsigned long *ip, unsigned long *sp, unsigned long *ax, unsigned long di);
bool tidelock_module_coming(const char *name, unsigned long text, unsigned long size);
bool tidelock_has_sites(unsigned long text, unsigned long size);
void tidelock_hint(bool dedicated);

static char *sites = "/lib/tidelock/sites";
module_param(sites, charp, 0444);
MODULE_PARM_DESC(sites, "file with the patch sites of this kernel (tidelock guest sites)");

const char *tidelock_c_sites_path(void)
{
	return sites;
}

void tidelock_c_log(const char *text, int size)
{
	pr_info("tidelock: %.*s\n", size, text);
}

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
DEFINE_STATIC_CALL(tidelock_sync, no_sync);
static struct mutex *text_lock;
static struct list_head *module_list;

/* The address of a kernel symbol, 0 if there is none. */
unsigned long tidelock_c_symbol(const char *name)
{
	return static_call(tidelock_lookup)(name);
}

/* kallsyms_lookup_name is not exported either, but a kprobe finds any symbol. */
static int find_kernel(void)
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
	text_lock = (struct mutex *)tidelock_c_symbol("text_mutex");
	module_list = (struct list_head *)tidelock_c_symbol("modules");
	address = tidelock_c_symbol("text_poke");
	if (!text_lock || !module_list || !address || !tidelock_c_symbol("text_poke_sync"))
		return -ENOENT;
	static_call_update(tidelock_poke, (typeof(&no_poke))address);
	static_call_update(tidelock_sync, (typeof(&no_sync))tidelock_c_symbol("text_poke_sync"));
	return 0;
}

/* The kernel symbol that an address lies in, for messages. */
const char *tidelock_c_symbol_name(unsigned long address)
{
	static char name[KSYM_SYMBOL_LEN];

	sprint_symbol(name, address);
	return name;
}

/* ---- Memory and files ---- */

void *tidelock_c_allocate(unsigned long size)
{
	return alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO);
}

void tidelock_c_free(void *memory, unsigned long size)
{
	if (memory)
		free_pages_exact(memory, size);
}

/* Reads a whole file; its size or a negative error. Give it back with tidelock_c_close. */
long tidelock_c_read_file(const char *path, void **content)
{
	return kernel_read_file_from_path(path, 0, content, 1 << 20, NULL, READING_UNKNOWN);
}

void tidelock_c_close(void *content)
{
	vfree(content);
}

const char *tidelock_c_release(void)
{
	return init_utsname()->release;
}

const char *tidelock_c_version(void)
{
	return init_utsname()->version;
}

unsigned long tidelock_c_possible_cpus(void)
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
bool tidelock_c_read_code(void *into, unsigned long address, unsigned long size)
{
	return copy_from_kernel_nofault(into, (const void *)address, size) == 0;
}

/* With the text lock held. */
void tidelock_c_write_code(unsigned long address, unsigned long bytes, unsigned long size)
{
	static_call(tidelock_poke)((void *)address, &bytes, size);
}

/* Every CPU has executed a core-serializing instruction when it returns. */
void tidelock_c_serialize(void)
{
	static_call(tidelock_sync)();
}

static int on_die(struct notifier_block *block, unsigned long event, void *data)
{
	struct pt_regs *regs = ((struct die_args *)data)->regs;

	if (event != DIE_INT3 || user_mode(regs))
		return NOTIFY_DONE;
	return tidelock_breakpoint(&regs->ip, &regs->sp, &regs->ax, regs->di) ? NOTIFY_STOP :
										NOTIFY_DONE;
}

/* After kprobes, before whoever only reports. */
static struct notifier_block die_block = { .notifier_call = on_die, .priority = INT_MAX - 1 };

/* ---- Waiting for CPUs ---- */

static void nothing(void *data)
{
}

unsigned long tidelock_c_begin_grace_period(void)
{
	return start_poll_synchronize_rcu_expedited();
}

bool tidelock_c_grace_period_is_over(unsigned long cookie)
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

unsigned long tidelock_c_nanoseconds(void)
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
unsigned long tidelock_c_operation(int operation)
{
	return READ_ONCE(((unsigned long *)&pv_ops.lock)[operation]);
}

/*
 * Modules loaded from now on get this function at their sites, and no inline code in its stead
 * if it is paravirtual.
 */
void tidelock_c_set_operation(int operation, unsigned long function, bool paravirtual)
{
	int feature = operation == 1 ? X86_FEATURE_PVUNLOCK : X86_FEATURE_VCPUPREEMPT;

	WRITE_ONCE(((unsigned long *)&pv_ops.lock)[operation], function);
	if (operation != 1 && operation != 4)
		return;
	assign_bit(feature, (unsigned long *)boot_cpu_data.x86_capability, paravirtual);
}

bool tidelock_c_key_is_set(unsigned long key)
{
	return static_key_enabled((struct static_key *)key);
}

/* With the CPUs held. */
void tidelock_c_set_key(unsigned long key, bool set)
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

/* The addresses of what sites may call here. */
void tidelock_gate(unsigned long lock, unsigned int value);

unsigned long tidelock_c_gate(void)
{
	return (unsigned long)tidelock_gate;
}

unsigned long tidelock_c_wait(void)
{
	return (unsigned long)tidelock_wait;
}

unsigned long tidelock_c_kick(void)
{
	return (unsigned long)tidelock_kick;
}

/* ---- Other modules ---- */

static void text_of(struct module *module, unsigned long *start, unsigned long *size)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	*start = (unsigned long)module->mem[MOD_TEXT].base;
	*size = module->mem[MOD_TEXT].size;
#else
	*start = (unsigned long)module->core_layout.base;
	*size = module->core_layout.text_size;
#endif
}

/* One switch, or one look at the state, at a time. */
static DEFINE_MUTEX(control);

/*
 * A module has been patched for the set that was in force then. If that is no longer in force it
 * must not come; and while it is here its sites, whose table is gone, forbid every switch.
 */
static int on_module(struct notifier_block *block, unsigned long event, void *data)
{
	struct module *module = data;
	unsigned long text, size;
	bool welcome;

	if (event != MODULE_STATE_COMING)
		return NOTIFY_DONE;
	text_of(module, &text, &size);
	mutex_lock(&control);
	welcome = tidelock_module_coming(module->name, text, size);
	mutex_unlock(&control);
	return welcome ? NOTIFY_DONE : notifier_from_errno(-EBUSY);
}

static struct notifier_block module_block = { .notifier_call = on_module };

/* The name of a module that has sites of its own; NULL if there is none. */
const char *tidelock_c_module_with_sites(void)
{
	static char name[MODULE_NAME_LEN];
	struct module *module;
	unsigned long text, size;
	const char *found = NULL;

	/* The list is read under RCU. */
	preempt_disable();
	list_for_each_entry_rcu(module, module_list, list) {
		if (module == THIS_MODULE || module->state == MODULE_STATE_UNFORMED)
			continue;
		text_of(module, &text, &size);
		if (!tidelock_has_sites(text, size))
			continue;
		strscpy(name, module->name, sizeof(name));
		found = name;
		break;
	}
	preempt_enable();
	return found;
}

/* ---- The hint ---- */

static void read_hint(struct work_struct *work);
static DECLARE_DELAYED_WORK(hint_work, read_hint);
static unsigned int hint_period;

static void read_hint(struct work_struct *work)
{
	unsigned int period = READ_ONCE(hint_period);

	if (!period)
		return;
	mutex_lock(&control);
	tidelock_hint(kvm_para_available() && kvm_para_has_hint(KVM_HINTS_REALTIME));
	mutex_unlock(&control);
	schedule_delayed_work(&hint_work, msecs_to_jiffies(period));
}

unsigned long tidelock_c_hint_period(void)
{
	return hint_period;
}

/* In milliseconds; 0: the hint is not read. */
void tidelock_c_set_hint_period(unsigned long period)
{
	WRITE_ONCE(hint_period, period);
	if (period)
		mod_delayed_work(system_wq, &hint_work, msecs_to_jiffies(period));
}

/* ---- Files ---- */

static ssize_t show(struct kobject *kobj, struct kobj_attribute *file, char *page);
static ssize_t store(struct kobject *kobj, struct kobj_attribute *file, const char *text,
		     size_t size);
/* In the order of ControlFile in Swift. */
static struct kobj_attribute files[] = {
	__ATTR(status, 0444, show, NULL),
	__ATTR(set, 0644, show, store),
	__ATTR(last_switch, 0444, show, NULL),
	__ATTR(hint_period, 0644, show, store),
	__ATTR(time_limit, 0644, show, store),
};
static struct attribute *list[ARRAY_SIZE(files) + 1];
static const struct attribute_group group = { .attrs = list };
static struct kobject *folder;

static ssize_t show(struct kobject *kobj, struct kobj_attribute *file, char *page)
{
	ssize_t result;

	/* Not behind a switch that takes its time. */
	if (!mutex_trylock(&control))
		return -EBUSY;
	result = tidelock_show(file - files, page, PAGE_SIZE);
	mutex_unlock(&control);
	return result;
}

static ssize_t store(struct kobject *kobj, struct kobj_attribute *file, const char *text,
		     size_t size)
{
	ssize_t result;

	/* A second writer is told so rather than made to wait. */
	if (!mutex_trylock(&control))
		return -EBUSY;
	result = tidelock_store(file - files, text, size);
	mutex_unlock(&control);
	return result;
}

/* ---- Coming and going ---- */

static void stop_listening(void)
{
	unregister_module_notifier(&module_block);
	unregister_die_notifier(&die_block);
	tidelock_halt_stop();
}

static int __init load(void)
{
	int error = find_kernel();
	int i;

	if (error) {
		pr_err("tidelock: this kernel's text cannot be changed from a module (%d)\n", error);
		return error;
	}
	error = tidelock_halt_start();
	if (error)
		return error;
	register_die_notifier(&die_block);
	register_module_notifier(&module_block);
	mutex_lock(&control);
	error = tidelock_load();
	mutex_unlock(&control);
	if (error)
		goto no_files;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		sysfs_attr_init(&files[i].attr);
		list[i] = &files[i].attr;
	}
	folder = kobject_create_and_add("tidelock", kernel_kobj);
	error = folder ? sysfs_create_group(folder, &group) : -ENOMEM;
	if (!error)
		return 0;
	kobject_put(folder);
	tidelock_unload();
no_files:
	stop_listening();
	return error;
}

static void __exit unload(void)
{
	/* First the files: whoever is in one of them is waited for. */
	kobject_put(folder);
	WRITE_ONCE(hint_period, 0);
	cancel_delayed_work_sync(&hint_work);
	mutex_lock(&control);
	tidelock_unload();
	mutex_unlock(&control);
	stop_listening();
}

module_init(load);
module_exit(unload);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Switches the spinlock operations of the running kernel");
