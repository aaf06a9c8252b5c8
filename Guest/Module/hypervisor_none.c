// SPDX-License-Identifier: MIT
/*
 * wait and kick where the hypervisor offers none: halt, and wake by an interrupt.
 *
 * With interrupts on, the kernel's own halt and any interrupt do: none is delivered between the look and
 * the halt. With interrupts off only an NMI wakes the CPU, and one may arrive between the last look at
 * the byte and the halt; its handler then moves the CPU past the halt. C because of the instructions.
 */
#include <linux/hardirq.h>
#include <linux/irqflags.h>
#include <linux/objtool.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/irq_vectors.h>
#include <asm/nmi.h>
#include <asm/nospec-branch.h>
#include "glue.h"
#include "services.h"

/* Whether this CPU waits with interrupts off, or is about to. */
static DEFINE_PER_CPU(bool, deaf);

/* What this CPU did: halts with interrupts on and off, kicks by interrupt and by NMI. */
static DEFINE_PER_CPU(unsigned long [4], counts);

/*
 * The kernel's statistics of each CPU's NMIs, which begin with how many times their handlers recognised
 * one. The offset of a variable of each CPU's, as the kernel's symbols have it; 0 if it has another name.
 */
static word nmi_stats;

extern const char tidelock_halt_begin[], tidelock_halt_end[];

/* The buffers that a sibling could read of a CPU that halts are cleared as the kernel clears them. */
static __always_inline void clear_cpu_buffers(void)
{
#ifdef TIDELOCK_CLEARS_MORE_THAN_MDS
	x86_idle_clear_cpu_buffers();
#else
	mds_idle_clear_cpu_buffers();
#endif
}

/* Halts while the byte holds the value, until an NMI. */
static noinline void halt_for_nmi(u8 *byte, u8 value)
{
	clear_cpu_buffers();
	asm volatile(".globl tidelock_halt_begin, tidelock_halt_end\n"
		     "tidelock_halt_begin:\n" ANNOTATE_NOENDBR
		     "	cmpb	%[value], (%[byte])\n"
		     "	jne	tidelock_halt_end\n"
		     "	hlt\n"
		     "tidelock_halt_end:\n" ANNOTATE_NOENDBR
		     :
		     : [byte] "r"(byte), [value] "q"(value)
		     : "memory", "cc");
}

/* pv_lock_ops.wait: gives the CPU away while the byte holds the value. May return spuriously. */
static void halt_wait(u8 *byte, u8 value)
{
	bool before;

	if (in_nmi())
		return;
	if (!irqs_disabled()) {
		local_irq_disable();
		tidelock_settle_nmis();
		if (READ_ONCE(*byte) == value) {
			__this_cpu_inc(counts[0]);
			/* Through pv_ops; interrupts are on behind it. */
			safe_halt();
		} else {
			local_irq_enable();
		}
		return;
	}
	before = __this_cpu_read(deaf);
	__this_cpu_write(deaf, true);
	/* Pairs with the locked write of the byte before halt_kick reads `deaf`:
	 * either it sees that only an NMI will do, or we see the byte changed. */
	smp_mb();
	__this_cpu_inc(counts[1]);
	halt_for_nmi(byte, value);
	__this_cpu_write(deaf, before);
	tidelock_settle_nmis();
}

/*
 * An xAPIC sends by two stores, the destination and then the command (Intel SDM vol. 3A, "Interrupt
 * Command Register"). An NMI may come between the two and send as well: then the interrupted
 * context's interrupt would go where ours went, and the CPU that waits for it would sleep for ever. So we
 * wait until ours is sent and restore the destination. An x2APIC has one register.
 */
void tidelock_send(int cpu, bool nmi)
{
	bool nested = in_nmi() && !x2apic_enabled();
	u32 destination = nested ? apic->read(APIC_ICR2) : 0;

	if (nmi) {
		tidelock_nmi_begins(cpu);
		apic->send_IPI(cpu, NMI_VECTOR);
	} else {
		/* Not by smp_send_reschedule(), which warns if the CPU is offline, as it may be
		 * by the time of a waiter's last kick. */
		apic->send_IPI(cpu, RESCHEDULE_VECTOR);
	}
	if (nested) {
		while (apic->read(APIC_ICR) & APIC_ICR_BUSY)
			cpu_relax();
		apic->write(APIC_ICR2, destination);
	}
	if (nmi)
		tidelock_nmi_ends(cpu);
}

/* pv_lock_ops.kick: wakes a CPU whose byte the caller has changed. */
static void halt_kick(int cpu)
{
	smp_mb();
	/* The lock is held or just released: preemption is off. */
	if (!per_cpu(deaf, cpu)) {
		__this_cpu_inc(counts[2]);
		tidelock_send(cpu, false);
		return;
	}
	__this_cpu_inc(counts[3]);
	tidelock_send(cpu, true);
}

/* Only in an NMI. */
static unsigned int recognised_nmis(void)
{
	return nmi_stats ? *this_cpu_ptr((unsigned int __percpu *)nmi_stats) : 0;
}

/*
 * Called for every NMI. One may stand for several that were sent, so it does the work of all of them. How
 * many are ours is counted (NMIClaims in LockSwitching).
 */
static int on_nmi(unsigned int type, struct pt_regs *regs)
{
	bool ours = tidelock_claims_nmi(recognised_nmis());

	if (regs->ip >= (unsigned long)tidelock_halt_begin &&
	    regs->ip < (unsigned long)tidelock_halt_end)
		regs->ip = (unsigned long)tidelock_halt_end;
	tidelock_gather_nmi();
	return ours ? NMI_HANDLED : NMI_DONE;
}

int tidelock_halt_start(void)
{
	nmi_stats = tidelock_c_symbol((const unsigned char *)"nmi_stats");
	return register_nmi_handler(NMI_LOCAL, on_nmi, 0, "tidelock");
}

void tidelock_halt_stop(void)
{
	unregister_nmi_handler(NMI_LOCAL, "tidelock");
}

/*
 * Which hypervisor there is, by the signature that CPUID gives: "none" if the kernel found none. An
 * emulator may answer although the CPU says that there is no hypervisor.
 */
const unsigned char *tidelock_c_hypervisor(void)
{
	static char name[13];
	unsigned int eax;

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return (const unsigned char *)"none";
	cpuid(0x40000000, &eax, (unsigned int *)name, (unsigned int *)(name + 4),
	      (unsigned int *)(name + 8));
	return (const unsigned char *)name;
}

/* Whether the processor is QEMU's software emulation. */
bool tidelock_is_emulated(void)
{
	unsigned int eax, signature[3];

	cpuid(0x40000000, &eax, &signature[0], &signature[1], &signature[2]);
	return memcmp(signature, "TCGTCGTCGTCG", sizeof(signature)) == 0;
}

word tidelock_c_halt_count(int number)
{
	word sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(counts[number], cpu);
	return sum;
}

word tidelock_c_wait(void)
{
	return (word)halt_wait;
}

word tidelock_c_kick(void)
{
	return (word)halt_kick;
}
