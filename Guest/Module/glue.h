/* SPDX-License-Identifier: MIT */
/* What the C files offer each other. */

/* Finds what is not exported; until then nothing else in kernel.c works. */
int tidelock_find_kernel(void);

/* Find the unexported functions and variables that they use. */
int tidelock_text_start(void);
int tidelock_probes_start(void);
void tidelock_perf_start(void);

/* Whether the processor is an emulator's. */
bool tidelock_is_emulated(void);

/* Start and stop handling the NMIs that kicks send. */
int tidelock_halt_start(void);
void tidelock_halt_stop(void);

/* Sends a CPU an NMI, or the interrupt that reschedules; in any context, NMI included. */
void tidelock_send(int cpu, bool nmi);

/* Start and stop gathering CPUs and leading them through the barrier. */
int tidelock_gather_start(void);
void tidelock_gather_stop(void);
/* Called for every NMI: does what the gathering asks of this CPU. */
void tidelock_gather_nmi(void);

struct kobject;
/* Start and stop the policy, with its files in a folder. */
int tidelock_policy_start(struct kobject *folder);
void tidelock_policy_stop(void);
