// SPDX-License-Identifier: MIT
/*
 * The policy's worker, its files, and its input: the kernel's own accounting of time. How it decides is in
 * Swift.
 */
#include <linux/capability.h>
#include <linux/cpumask.h>
#include <linux/kernel_stat.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/version.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include "glue.h"
#include "services.h"

static char *policy = "off";
module_param(policy, charp, 0444);
MODULE_PARM_DESC(policy, "who asks for switches in the beginning: auto, hint or off");

/* On the kernel's command line: keeps it off in the beginning, whatever the parameter says. */
#define WORD_OFF "tidelock.policy=off"

/* ---- One at a time ---- */

/*
 * Guards what the policy knows. Never held during a switch, so that readers wait for none. Taken inside
 * the mutex of switches, never the other way round.
 */
static DEFINE_MUTEX(deciding);

void tidelock_c_lock_policy(void)
{
	mutex_lock(&deciding);
}

void tidelock_c_unlock_policy(void)
{
	mutex_unlock(&deciding);
}

/* ---- The worker ---- */

#define PERIOD_MILLISECONDS 250

static void look(struct work_struct *work);
static DECLARE_DELAYED_WORK(look_work, look);
/*
 * Unbound, so that no stalled CPU delays it; of high priority, so that no load does while locks are
 * stalled; with a rescuer thread for when there is no memory for a worker.
 */
static struct workqueue_struct *queue;

static void look(struct work_struct *work)
{
	tidelock_policy_look();
}

/* With the policy locked: schedules the next look, unless one is scheduled already. */
void tidelock_c_look_later(void)
{
	queue_delayed_work(queue, &look_work, msecs_to_jiffies(PERIOD_MILLISECONDS));
}

/* ---- What is seen ---- */

/* Whether the kernel counts time that the hypervisor took. */
bool tidelock_c_steal_is_counted(void)
{
	static struct static_key *key;

	if (!key)
		key = (struct static_key *)tidelock_c_symbol(
			(const unsigned char *)"paravirt_steal_enabled");
	if (!key || !static_key_enabled(key))
		return false;
	/* After a migration to a KVM that does not count it, it stays the same. */
	return !tidelock_c_kvm_hint() || tidelock_c_kvm_steal_time();
}

/*
 * Sums, in nanoseconds, over all possible CPUs: those of an offline CPU stay the same. They are the
 * kernel's own, brought up to date by its ticks. Returns how many CPUs are online.
 */
unsigned int tidelock_c_cpu_times(long long *stolen, long long *ran)
{
	unsigned int cpu;

	*stolen = 0;
	*ran = 0;
	for_each_possible_cpu(cpu) {
		const u64 *times = kcpustat_cpu(cpu).cpustat;

		*stolen += READ_ONCE(times[CPUTIME_STEAL]);
		*ran += READ_ONCE(times[CPUTIME_USER]) + READ_ONCE(times[CPUTIME_NICE]) +
			READ_ONCE(times[CPUTIME_SYSTEM]) + READ_ONCE(times[CPUTIME_IRQ]) +
			READ_ONCE(times[CPUTIME_SOFTIRQ]);
	}
	return num_online_cpus();
}

/* ---- Files ---- */

static ssize_t policy_show(struct kobject *kobj, struct kobj_attribute *file, char *page)
{
	return tidelock_policy_show(page, PAGE_SIZE);
}

static ssize_t policy_store(struct kobject *kobj, struct kobj_attribute *file, const char *text,
			    size_t size)
{
	if (!capable(CAP_SYS_MODULE))
		return -EPERM;
	return tidelock_policy_store(text, size);
}

static struct kobj_attribute policy_file = __ATTR(policy, 0644, policy_show, policy_store);

/* Longer than a page, so it is read in pieces: of the text as it was when its beginning was read. */
#define DECISIONS_SIZE (32 * 1024)
static DEFINE_MUTEX(reading);
static char *decisions;
static long decisions_size;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define BIN_ATTRIBUTE const struct bin_attribute
#else
#define BIN_ATTRIBUTE struct bin_attribute
#endif
static ssize_t decisions_read(struct file *file, struct kobject *kobj, BIN_ATTRIBUTE *attribute,
			      char *into, loff_t offset, size_t size)
{
	ssize_t result;

	if (mutex_lock_interruptible(&reading))
		return -EINTR;
	if (offset == 0)
		decisions_size = tidelock_policy_decisions(decisions, DECISIONS_SIZE);
	result = memory_read_from_buffer(into, size, &offset, decisions, decisions_size);
	mutex_unlock(&reading);
	return result;
}

static struct bin_attribute decisions_file = {
	.attr = { .name = "decisions", .mode = 0444 },
	.read = decisions_read,
};

/* ---- Loading and unloading ---- */

static bool is_kept_off(void)
{
	char **line = (char **)tidelock_c_symbol((const unsigned char *)"saved_command_line");
	const char *word = line ? *line : NULL;
	size_t size = strlen(WORD_OFF);

	for (; word && (word = strstr(word, WORD_OFF)); word += size)
		if ((word == *line || word[-1] == ' ') && (!word[size] || word[size] == ' '))
			return true;
	return false;
}

/* What it creates is freed with the folder, and by tidelock_policy_stop(). */
int tidelock_policy_start(struct kobject *folder)
{
	int error;

	decisions = vmalloc(DECISIONS_SIZE);
	queue = alloc_workqueue("tidelock_policy", WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM, 1);
	error = decisions && queue ? 0 : -ENOMEM;
	if (!error) {
		const char *mode = is_kept_off() ? "off" : policy;

		error = tidelock_policy_begin(mode, strlen(mode));
		if (error == -EINVAL)
			pr_err("tidelock: not loaded: policy=%s is not known; there are auto, hint and off\n",
			       policy);
	}
	sysfs_attr_init(&policy_file.attr);
	sysfs_bin_attr_init(&decisions_file);
	if (!error)
		error = sysfs_create_file(folder, &policy_file.attr);
	if (!error)
		error = sysfs_create_bin_file(folder, &decisions_file);
	if (error) {
		sysfs_remove_file(folder, &policy_file.attr);
		tidelock_policy_stop();
	}
	return error;
}

/* The files are gone, and no one reads or writes them any more. */
void tidelock_policy_stop(void)
{
	/* From here on, nothing is queued. */
	tidelock_policy_end();
	if (queue) {
		cancel_delayed_work_sync(&look_work);
		destroy_workqueue(queue);
	}
	vfree(decisions);
}
