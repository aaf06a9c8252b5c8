// SPDX-License-Identifier: MIT
/*
 * The part of tidelock_torture.ko that must be C: threads, timers, tasklets, the NMI handler and
 * sysfs. What they do under which lock, and the checks, are in Swift.
 */
#include <linux/cpu.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <asm/apic.h>
#include <asm/nmi.h>
#include <asm/tsc.h>
#include "services.h"

/* The Swift side keeps lock words in memory of its own. */
static_assert(sizeof(raw_spinlock_t) == 4, "the kernel must be built without lock debugging");

struct worker {
	struct task_struct *thread;
	struct hrtimer timer;
	struct tasklet_struct tasklet;
	unsigned int cpu;
};

static struct worker *workers;
static long worker_count;
static void *area;
static bool interrupting;
/* One reader or writer of the files at a time. */
static DEFINE_MUTEX(control);

void tidelock_torture_c_loop(unsigned long long loops)
{
	while (loops--)
		barrier();
}

unsigned long long tidelock_torture_c_ticks(void)
{
	return rdtsc();
}

unsigned long long tidelock_torture_c_tick_rate(void)
{
	return tsc_khz;
}

/* Whether the calling thread is to end; lets others have the CPU. */
bool tidelock_torture_c_should_stop(void)
{
	/* Also tells those who wait for tasks (tidelock.ko on removal) that this one is nowhere. */
	cond_resched_tasks_rcu_qs();
	return kthread_should_stop();
}

/*
 * Ends a section that was begun by raw_spin_lock() or raw_spin_trylock().
 *
 * Kernels without CONFIG_UNINLINE_SPIN_UNLOCK (PREEMPT_RT for one) inline raw_spin_unlock(), which would
 * make a patch site of this module's own, and that forbids switches. The unlock that restores interrupts
 * is never inlined on x86; told the flags as they are, it leaves them so.
 */
void tidelock_torture_c_unlock(unsigned long lock)
{
	raw_spinlock_t *raw = (raw_spinlock_t *)lock;
	unsigned long flags;

	if (IS_ENABLED(CONFIG_UNINLINE_SPIN_UNLOCK)) {
		raw_spin_unlock(raw);
	} else {
		local_save_flags(flags);
		raw_spin_unlock_irqrestore(raw, flags);
	}
}

void tidelock_torture_c_send_nmi(long worker)
{
	apic->send_IPI(workers[worker].cpu, NMI_VECTOR);
}

static int task(void *data)
{
	set_user_nice(current, MAX_NICE);
	tidelock_torture_task((struct worker *)data - workers);
	return 0;
}

static enum hrtimer_restart hardirq(struct hrtimer *timer)
{
	struct worker *worker = container_of(timer, struct worker, timer);

	tasklet_schedule(&worker->tasklet);
	hrtimer_forward_now(timer, ns_to_ktime(tidelock_torture_hardirq(worker - workers)));
	return HRTIMER_RESTART;
}

static void softirq(struct tasklet_struct *tasklet)
{
	tidelock_torture_softirq(container_of(tasklet, struct worker, tasklet) - workers);
}

/* Takes every NMI for one of ours while timers run: an NMI says not who sent it, and whoever else
 * has a reason for one is asked all the same. */
static int nmi(unsigned int type, struct pt_regs *regs)
{
	unsigned int cpu = raw_smp_processor_id();
	long i;

	if (!READ_ONCE(interrupting))
		return NMI_DONE;
	for (i = 0; i < worker_count; i++)
		if (workers[i].cpu == cpu)
			tidelock_torture_nmi(i);
	return NMI_HANDLED;
}

static void start_timer(void *data)
{
	struct worker *worker = data;

	hrtimer_start(&worker->timer, ms_to_ktime(1), HRTIMER_MODE_REL_PINNED_HARD);
}

static void nothing(void *data)
{
}

void tidelock_torture_c_stop(void)
{
	long i;

	for (i = 0; i < worker_count; i++) {
		if (workers[i].thread)
			kthread_stop(workers[i].thread);
		hrtimer_cancel(&workers[i].timer);
	}
	for (i = 0; i < worker_count; i++)
		tasklet_kill(&workers[i].tasklet);
	/* A CPU that answers has had the NMIs that were sent to it before, and left the handler. */
	on_each_cpu(nothing, NULL, 1);
	WRITE_ONCE(interrupting, false);
	on_each_cpu(nothing, NULL, 1);
	kfree(workers);
	workers = NULL;
	worker_count = 0;
}

/* Starts a thread on every CPU and, if asked for, a timer. Counts start at zero. */
long tidelock_torture_c_start(bool timers)
{
	long count = 0, error = 0;
	unsigned int cpu;
	void *fresh;

	cpus_read_lock();
	workers = kcalloc(num_online_cpus(), sizeof(*workers), GFP_KERNEL);
	fresh = kvzalloc(tidelock_torture_area(num_online_cpus()), GFP_KERNEL);
	if (!workers || !fresh) {
		kfree(workers);
		kvfree(fresh);
		workers = NULL;
		cpus_read_unlock();
		return -ENOMEM;
	}
	kvfree(area);
	area = fresh;
	for_each_online_cpu(cpu) {
		struct worker *worker = &workers[count++];

		worker->cpu = cpu;
		hrtimer_init(&worker->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
		worker->timer.function = hardirq;
		tasklet_setup(&worker->tasklet, softirq);
	}
	worker_count = count;
	tidelock_torture_prepare(area, count);
	WRITE_ONCE(interrupting, timers);
	for (count = 0; count < worker_count && !error; count++) {
		struct task_struct *thread =
			kthread_create(task, &workers[count], "tidelock/%ld", count);

		if (IS_ERR(thread)) {
			error = PTR_ERR(thread);
			break;
		}
		kthread_bind(thread, workers[count].cpu);
		workers[count].thread = thread;
	}
	/* Only when all are there, so that none has a start. */
	for (count = 0; count < worker_count && !error; count++) {
		wake_up_process(workers[count].thread);
		if (timers)
			error = smp_call_function_single(workers[count].cpu, start_timer,
							 &workers[count], 1);
	}
	cpus_read_unlock();
	if (error)
		tidelock_torture_c_stop();
	return error;
}

static ssize_t show(struct kobject *kobj, struct kobj_attribute *attribute, char *page);
static ssize_t store(struct kobject *kobj, struct kobj_attribute *attribute, const char *text,
		     size_t size);
/* In the order of TortureFile in Swift. */
static struct kobj_attribute files[] = {
	__ATTR(run, 0644, show, store),
	__ATTR(locks, 0644, show, store),
	__ATTR(inside, 0644, show, store),
	__ATTR(outside, 0644, show, store),
	__ATTR(delay, 0644, show, store),
	__ATTR(interrupts_off, 0644, show, store),
	__ATTR(nested, 0644, show, store),
	__ATTR(nmi, 0644, show, store),
	__ATTR(broken, 0644, show, store),
	__ATTR(stats, 0444, show, NULL),
	__ATTR(nmi_shared, 0644, show, store),
	__ATTR(gaps, 0644, show, store),
};
static struct attribute *list[ARRAY_SIZE(files) + 1];
static const struct attribute_group group = { .attrs = list };
static struct kobject *folder;

static ssize_t show(struct kobject *kobj, struct kobj_attribute *attribute, char *page)
{
	ssize_t result;

	mutex_lock(&control);
	result = tidelock_torture_show(attribute - files, page, PAGE_SIZE);
	mutex_unlock(&control);
	return result;
}

static ssize_t store(struct kobject *kobj, struct kobj_attribute *attribute, const char *text,
		     size_t size)
{
	ssize_t result;

	mutex_lock(&control);
	result = tidelock_torture_store(attribute - files, text, size);
	mutex_unlock(&control);
	return result;
}

static int __init load(void)
{
	int error, i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		sysfs_attr_init(&files[i].attr);
		list[i] = &files[i].attr;
	}
	error = register_nmi_handler(NMI_LOCAL, nmi, 0, "tidelock_torture");
	if (error)
		return error;
	folder = kobject_create_and_add("tidelock_torture", kernel_kobj);
	error = folder ? sysfs_create_group(folder, &group) : -ENOMEM;
	if (error) {
		kobject_put(folder);
		unregister_nmi_handler(NMI_LOCAL, "tidelock_torture");
	}
	return error;
}

static void __exit unload(void)
{
	kobject_put(folder);
	tidelock_torture_c_stop();
	unregister_nmi_handler(NMI_LOCAL, "tidelock_torture");
	kvfree(area);
}

module_init(load);
module_exit(unload);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Loads spinlocks on every CPU and checks that they exclude");
