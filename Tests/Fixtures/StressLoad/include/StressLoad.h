// Threads and signal handlers that take locks, as hard on a switch as a program may be.
#ifndef TIDELOCK_STRESS_LOAD_H
#define TIDELOCK_STRESS_LOAD_H

#include <stdint.h>

/// The thread itself (level 0) and four signals, each of which interrupts those below it.
#define STRESS_LEVELS 5

/// Starts workers; `churn` others that come and go all the time, and processes that do; and, if `nested`, signals that
/// travel from thread to thread, also while the threads are held, and to the calling one.
void stress_start(int workers, int churn, _Bool nested);
/// Ends all of it.
void stress_stop(void);
/// Says whether a switch is under way: what begins meanwhile is counted.
void stress_set_switching(_Bool switching);

/// Sections in which somebody else was found, and updates that were lost.
uint64_t stress_violations(void);
int64_t stress_lost(void);
/// Sections of all threads.
uint64_t stress_sections(void);
/// How many began while a switch was under way with so many handlers nested over a thread, by the
/// fast path, and by the slow one because the lock was taken.
uint64_t stress_fast_in_switches(int nested);
uint64_t stress_slow_in_switches(int nested);
/// Threads and processes that came and went.
uint64_t stress_threads(void);

/// What makes a switch impossible while it lasts: a thread that
enum stress_hindrance {
  /// takes a lock that the workers then wait for, and holds it;
  STRESS_HOLDER,
  /// blocks every signal but SIGTRAP;
  STRESS_BLOCKER,
  /// waits for the child of a vfork, where no signal reaches it.
  STRESS_VFORK,
};
/// Starts such a thread, and returns its number when it has begun.
uint32_t stress_start_hindrance(enum stress_hindrance hindrance);
/// Ends it.
void stress_end_hindrance(void);
/// Bytes of all patch sites of this image, one after the other, mixed into one number.
uint64_t stress_text(void);

#endif
