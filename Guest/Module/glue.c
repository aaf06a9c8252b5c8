// SPDX-License-Identifier: MIT
/*
 * What makes tidelock.ko a module: loading, unloading, files, notifiers. What it decides and does is in
 * Swift (services.h).
 */
#include <linux/capability.h>
#include <linux/kdebug.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/sysfs.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include "glue.h"
#include "services.h"

static char *sites = "/lib/tidelock/sites";
module_param(sites, charp, 0444);
MODULE_PARM_DESC(sites, "file with the patch sites of this kernel (tidelock guest sites)");

static char *protocols = "staged";
module_param(protocols, charp, 0444);
MODULE_PARM_DESC(protocols, "all: the published protocols may be chosen too, for comparison");

bool tidelock_c_all_protocols(void)
{
	return !strcmp(protocols, "all");
}

const unsigned char *tidelock_c_sites_path(void)
{
	return (const unsigned char *)sites;
}

void tidelock_c_log(const unsigned char *text, int size)
{
	pr_info("tidelock: %.*s\n", size, text);
}

/* For messages that any writer of a file can cause. */
void tidelock_c_log_often(const unsigned char *text, int size)
{
	static DEFINE_RATELIMIT_STATE(limit, 5 * HZ, 20);

	if (__ratelimit(&limit))
		tidelock_c_log(text, size);
}

static int on_die(struct notifier_block *block, unsigned long event, void *data)
{
	struct pt_regs *regs = ((struct die_args *)data)->regs;

	if (event != DIE_INT3 || user_mode(regs))
		return NOTIFY_DONE;
	return tidelock_breakpoint(&regs->ip, &regs->sp, regs->di) ? NOTIFY_STOP : NOTIFY_DONE;
}

/* After kprobes, before notifiers that only report. */
static struct notifier_block die_block = { .notifier_call = on_die, .priority = INT_MAX - 1 };

word tidelock_c_gate(void)
{
	return (word)tidelock_gate;
}

word tidelock_c_counted(void)
{
	return (word)tidelock_counted_slow_path;
}

/* ---- Other modules ---- */

static struct list_head *module_list;


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

/* Held during a switch, and by whatever needs that none is under way. */
static DEFINE_MUTEX(control);

void tidelock_c_lock_control(void)
{
	mutex_lock(&control);
}

void tidelock_c_unlock_control(void)
{
	mutex_unlock(&control);
}

/* A module that has sites of its own, for as long as it is loaded. */
static char blocker[MODULE_NAME_LEN];
static DEFINE_SPINLOCK(blocker_lock);

/*
 * Looks through the modules for one that has sites of its own, apart from one that is being removed.
 * With `control` held, when one was loaded or is being removed.
 */
static void find_blocker(const struct module *leaving)
{
	struct module *module;
	unsigned long text, size;
	const char *found = "";

	/* The list is read under RCU. */
	preempt_disable();
	list_for_each_entry_rcu(module, module_list, list) {
		if (module == THIS_MODULE || module == leaving || module->state == MODULE_STATE_UNFORMED)
			continue;
		text_of(module, &text, &size);
		if (!tidelock_has_sites(text, size))
			continue;
		found = module->name;
		break;
	}
	spin_lock(&blocker_lock);
	strscpy(blocker, found, sizeof(blocker));
	spin_unlock(&blocker_lock);
	preempt_enable();
}

bool tidelock_c_is_blocked(void)
{
	return READ_ONCE(blocker[0]);
}

/* Its name. A module that is just being removed may leave it empty, but always terminated. */
const unsigned char *tidelock_c_blocking_module(void)
{
	return (const unsigned char *)blocker;
}

/*
 * A module has been patched for the set that was in force then. If that is no longer in force, the module
 * must not be loaded; and while it is loaded its sites, whose table is gone, prevent every switch.
 */
static int on_module(struct notifier_block *block, unsigned long event, void *data)
{
	struct module *module = data;
	unsigned long text, size;
	bool welcome = true;

	if (event != MODULE_STATE_COMING && event != MODULE_STATE_GOING)
		return NOTIFY_DONE;
	if (module == THIS_MODULE)
		return NOTIFY_DONE;
	text_of(module, &text, &size);
	mutex_lock(&control);
	if (event == MODULE_STATE_GOING) {
		/* Nothing to look for where nothing was found. */
		if (tidelock_c_is_blocked())
			find_blocker(module);
	} else {
		welcome = tidelock_module_coming(module->name, text, size);
		if (welcome && tidelock_has_sites(text, size)) {
			spin_lock(&blocker_lock);
			strscpy(blocker, module->name, sizeof(blocker));
			spin_unlock(&blocker_lock);
		}
	}
	mutex_unlock(&control);
	return welcome ? NOTIFY_DONE : notifier_from_errno(-EBUSY);
}

static struct notifier_block module_block = { .notifier_call = on_module };

/* From here on the module is busy and cannot be removed; false if its removal has begun. */
bool tidelock_c_keep(void)
{
	return try_module_get(THIS_MODULE);
}

/* Ends that, with `control` held: a removal waits for it. */
void tidelock_c_let_go(void)
{
	module_put(THIS_MODULE);
}

/* ---- Later ---- */

static void read_hint(struct work_struct *work);
static DECLARE_DELAYED_WORK(hint_work, read_hint);
static unsigned int hint_period;

static void read_hint(struct work_struct *work)
{
	unsigned int period = READ_ONCE(hint_period);

	if (!period)
		return;
	mutex_lock(&control);
	tidelock_hint(tidelock_c_kvm_dedicates());
	mutex_unlock(&control);
	queue_delayed_work(system_unbound_wq, &hint_work, msecs_to_jiffies(period));
}

unsigned long long tidelock_c_hint_period(void)
{
	return hint_period;
}

/* In milliseconds; 0: the hint is not read. */
void tidelock_c_set_hint_period(unsigned long long period)
{
	WRITE_ONCE(hint_period, period);
	if (period)
		mod_delayed_work(system_unbound_wq, &hint_work, msecs_to_jiffies(period));
}

static void retry(struct work_struct *work)
{
	mutex_lock(&control);
	tidelock_retry();
	mutex_unlock(&control);
}
static DECLARE_DELAYED_WORK(retry_work, retry);

void tidelock_c_retry_later(unsigned long long milliseconds)
{
	mod_delayed_work(system_unbound_wq, &retry_work, msecs_to_jiffies(milliseconds));
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
	__ATTR(protocol, 0644, show, store),
	__ATTR(stop_mode, 0644, show, store),
	__ATTR(accounting, 0644, show, store),
};
static struct attribute *list[ARRAY_SIZE(files) + 1];
static const struct attribute_group group = { .attrs = list };
static struct kobject *folder;
#define TIDELOCK_STATUS 0
#define TIDELOCK_SET 1

static ssize_t show(struct kobject *kobj, struct kobj_attribute *file, char *page)
{
	ssize_t result;

	/* No reader waits for a switch to see what is in place. */
	if (file - files == TIDELOCK_STATUS || file - files == TIDELOCK_SET)
		return tidelock_show(file - files, page, PAGE_SIZE);
	if (mutex_lock_interruptible(&control))
		return -EINTR;
	result = tidelock_show(file - files, page, PAGE_SIZE);
	mutex_unlock(&control);
	return result;
}

static ssize_t store(struct kobject *kobj, struct kobj_attribute *file, const char *text,
		     size_t size)
{
	ssize_t result;

	if (!capable(CAP_SYS_MODULE))
		return -EPERM;
	/* A second writer gets an error rather than wait, unless it is the policy that switches. */
	if (!mutex_trylock(&control)) {
		if (!tidelock_policy_switches())
			return -EBUSY;
		if (mutex_lock_interruptible(&control))
			return -EINTR;
	}
	result = tidelock_store(file - files, text, size);
	mutex_unlock(&control);
	return result;
}

/* ---- Loading and unloading ---- */

static void stop_listening(void)
{
	unregister_module_notifier(&module_block);
	unregister_die_notifier(&die_block);
	tidelock_halt_stop();
	tidelock_gather_stop();
}

static int __init find_kernel(void)
{
	int error = tidelock_find_kernel();

	if (!error)
		error = tidelock_text_start();
	if (!error)
		tidelock_perf_start();
	if (!error)
		error = tidelock_probes_start();
	if (!error) {
		module_list = (struct list_head *)tidelock_c_symbol((const unsigned char *)"modules");
		error = module_list ? tidelock_gather_start() : -ENOENT;
	}
	return error;
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
	/* Before the look at the loaded modules: none is loaded unseen between the two. */
	register_module_notifier(&module_block);
	mutex_lock(&control);
	error = tidelock_load();
	if (!error)
		find_blocker(NULL);
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
		error = tidelock_policy_start(folder);
	if (!error)
		return 0;
	if (folder) {
		kobject_del(folder);
		kobject_put(folder);
	}
	tidelock_unload();
no_files:
	stop_listening();
	return error;
}

/* The boot set is in force, and no switch is under way: otherwise the module is kept. */
static void __exit unload(void)
{
	/* First the files: this waits for readers and writers. */
	kobject_del(folder);
	kobject_put(folder);
	WRITE_ONCE(hint_period, 0);
	cancel_delayed_work_sync(&hint_work);
	cancel_delayed_work_sync(&retry_work);
	tidelock_policy_stop();
	mutex_lock(&control);
	tidelock_unload();
	mutex_unlock(&control);
	stop_listening();
}

module_init(load);
module_exit(unload);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION("1.0.0-rc.1");
MODULE_DESCRIPTION("Switches the spinlock operations of the running kernel");
