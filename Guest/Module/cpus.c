// SPDX-License-Identifier: MIT
/*
 * What the published protocols need from the kernel: CPUs gathered by stop_machine, on request inside an
 * NMI; a core serialization where no interrupt gets through; work on each CPU in a context that holds
 * no spinlock; and per-CPU memory. C because of per-CPU variables and instructions.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/hardirq.h>
#include <linux/nmi.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/static_call.h>
#include <linux/stop_machine.h>
#include <linux/workqueue.h>
#include <asm/apic.h>
#include <asm/nmi.h>
#include <asm/processor.h>
#include "glue.h"
#include "services.h"

/* ---- Memory, whose layout is in Swift (KernelCPU.swift) ---- */

static DEFINE_PER_CPU_ALIGNED(unsigned char [TIDELOCK_CPU_AREA], areas);
static unsigned long long shared[TIDELOCK_SHARED_WORDS] __aligned(64);

word tidelock_c_area(unsigned int cpu)
{
	return (word)per_cpu_ptr(&areas, cpu);
}

/* With preemption off. */
word tidelock_c_own_area(void)
{
	return (word)raw_cpu_ptr(&areas);
}

word tidelock_c_shared(void)
{
	return (word)shared;
}

unsigned int tidelock_c_cpu(void)
{
	return raw_smp_processor_id();
}

unsigned int tidelock_c_cpu_end(void)
{
	return nr_cpu_ids;
}

/* The first CPU that is there, from a number on; tidelock_c_cpu_end() if there is none. */
unsigned int tidelock_c_online_from(unsigned int cpu)
{
	return cpumask_next((int)cpu - 1, cpu_online_mask);
}

/*
 * In which context a breakpoint was hit: task 0, softirq 1, hardirq 2, NMI 3. Its handler is itself
 * entered as an NMI is, which must be subtracted.
 */
int tidelock_c_met_in(void)
{
	unsigned int nmis = (preempt_count() & NMI_MASK) >> NMI_SHIFT;
	unsigned int interrupts = (preempt_count() & HARDIRQ_MASK) >> HARDIRQ_SHIFT;

	if (nmis > 1)
		return 3;
	if (interrupts > nmis)
		return 2;
	return in_serving_softirq() ? 1 : 0;
}

/* ---- Gathering ---- */

static int no_stop(cpu_stop_fn_t function, void *data, const struct cpumask *cpus)
{
	return -ENOSYS;
}
DEFINE_STATIC_CALL(tidelock_stop, no_stop);

/* Whether this CPU is to do its part in its next NMI. */
static DEFINE_PER_CPU(bool, called);
/* Serializations requested of this CPU by NMI, and done. */
static DEFINE_PER_CPU(unsigned int, wanted);
static DEFINE_PER_CPU(unsigned int, done);

/* A serializing instruction that, unlike IRET, leaves NMIs blocked inside one. */
void tidelock_c_serialize_core(void)
{
	native_cpuid_eax(0);
}

static int do_part(void *in_nmi)
{
	if (!*(bool *)in_nmi) {
		tidelock_gathered();
		return 0;
	}
	this_cpu_write(called, true);
	tidelock_send(smp_processor_id(), true);
	while (this_cpu_read(called))
		cpu_relax();
	return 0;
}

void tidelock_gather_nmi(void)
{
	unsigned int now = READ_ONCE(*this_cpu_ptr(&wanted));

	if (now != this_cpu_read(done)) {
		tidelock_c_serialize_core();
		smp_store_release(this_cpu_ptr(&done), now);
	}
	if (this_cpu_read(called)) {
		tidelock_gathered();
		this_cpu_write(called, false);
	}
}

/*
 * Runs tidelock_gathered() on every CPU, on all at the same time, interrupts off, in task context: none
 * holds a spinlock or waits for one. With the CPUs held.
 */
bool tidelock_c_gather(bool in_nmi)
{
	return static_call(tidelock_stop)(do_part, &in_nmi, cpu_online_mask) == 0;
}

/*
 * Every other CPU has executed a core-serializing instruction when it returns, interrupts on or
 * off. It waits for those that are inside an NMI to leave it.
 */
void tidelock_c_serialize_by_nmi(void)
{
	unsigned int cpu, me = smp_processor_id();

	for_each_online_cpu(cpu) {
		if (cpu == me)
			continue;
		/* Only one CPU asks at a time. Full barrier: the code that was written is seen. */
		smp_store_mb(*per_cpu_ptr(&wanted, cpu), *per_cpu_ptr(&wanted, cpu) + 1);
		tidelock_send(cpu, true);
		while (smp_load_acquire(per_cpu_ptr(&done, cpu)) != *per_cpu_ptr(&wanted, cpu))
			cpu_relax();
	}
	tidelock_c_serialize_core();
}

/* ---- The barrier ---- */

static DEFINE_PER_CPU(struct work_struct, barrier_work);
static atomic_t barriers_left;

static void pass_barrier(struct work_struct *work)
{
	preempt_disable();
	tidelock_pass_barrier();
	preempt_enable();
	/* Full barrier, pairs with the load in tidelock_c_barriers_left. */
	atomic_dec_return(&barriers_left);
}

static void end_barriers(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		flush_work(per_cpu_ptr(&barrier_work, cpu));
}

/*
 * Makes each CPU call tidelock_pass_barrier() in task context, entered with preemption on, so that it
 * holds no spinlock and waits for none. With the CPUs held.
 */
void tidelock_c_begin_barrier(void)
{
	unsigned int cpu;

	/* Those of a switch that timed out. */
	end_barriers();
	atomic_set(&barriers_left, num_online_cpus());
	for_each_online_cpu(cpu)
		queue_work_on(cpu, system_highpri_wq, per_cpu_ptr(&barrier_work, cpu));
}

bool tidelock_c_barriers_left(void)
{
	return atomic_read_acquire(&barriers_left) != 0;
}

/* ---- Loading and unloading ---- */

int tidelock_gather_start(void)
{
	unsigned long stop = tidelock_c_symbol((const unsigned char *)"stop_machine_cpuslocked");
	unsigned int cpu;

	if (!stop)
		return -ENOENT;
	static_call_update(tidelock_stop, (typeof(&no_stop))stop);
	for_each_possible_cpu(cpu)
		INIT_WORK(per_cpu_ptr(&barrier_work, cpu), pass_barrier);
	return 0;
}

void tidelock_gather_stop(void)
{
	end_barriers();
}
