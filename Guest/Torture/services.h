/* SPDX-License-Identifier: MIT */
/*
 * What glue.c offers to the Swift half of the torture, and it to glue.c. Read by both compilers, so
 * it names no kernel type. A worker is what runs on one CPU; they are numbered from 0.
 */
#ifndef TIDELOCK_TORTURE_SERVICES_H
#define TIDELOCK_TORTURE_SERVICES_H

#ifdef __swift__
#define SWIFT_NAME(name) __attribute__((swift_name(#name)))
#else
#define SWIFT_NAME(name)
#endif

void tidelock_torture_c_loop(unsigned long long loops) SWIFT_NAME(loop(_:));
unsigned long long tidelock_torture_c_ticks(void) SWIFT_NAME(ticks());
unsigned long long tidelock_torture_c_tick_rate(void) SWIFT_NAME(ticksPerMillisecond());
_Bool tidelock_torture_c_should_stop(void) SWIFT_NAME(shouldStop());
void tidelock_torture_c_unlock(unsigned long lock) SWIFT_NAME(rawSpinUnlock(_:));
void tidelock_torture_c_send_nmi(long worker) SWIFT_NAME(sendNMI(_:));
long tidelock_torture_c_start(_Bool timers) SWIFT_NAME(startWorkers(_:));
void tidelock_torture_c_stop(void) SWIFT_NAME(stopWorkers());

/* ---- In Swift ---- */
#ifndef __swift__
unsigned long tidelock_torture_area(long workers);
void tidelock_torture_prepare(void *area, long workers);
void tidelock_torture_task(long worker);
void tidelock_torture_softirq(long worker);
unsigned long tidelock_torture_hardirq(long worker);
void tidelock_torture_nmi(long worker);
long tidelock_torture_show(int file, char *page, long size);
long tidelock_torture_store(int file, const char *text, long size);
#endif

#endif
