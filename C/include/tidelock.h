// Tidelock for C: spinlocks whose operations can be switched between native, test-and-set and paravirtual
// while the program runs. For C++ there is tidelock.hpp.
//
//     #include <tidelock/tidelock.h>
//
//     static tidelock_spinlock lock = TIDELOCK_SPINLOCK_FREE;
//     tidelock_spin_lock(&lock);
//     ...
//     tidelock_spin_unlock(&lock);
//
//     char words[512];
//     if (tidelock_switch(TIDELOCK_NATIVE, words, sizeof words) != 0) fprintf(stderr, "%s\n", words);
//
// Compile and link with the output of `pkg-config --cflags --libs tidelock`, or with CMake's
// `find_package(Tidelock)` and `Tidelock::tidelock`. Each program and shared library that inlines locks
// contains libtidelock_sites.a; the process loads libtidelock.so, unless a part of it that is written in
// Swift brings the core. The core that was loaded first serves the whole process.
//
// Interface and symbol versions stay compatible within a soname: libtidelock.so.1.
#ifndef TIDELOCK_H
#define TIDELOCK_H

#include <stddef.h>

#include "LockSites.h"
#include "TidelockPolicy.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A spinlock: four bytes, anywhere in memory of one process, free when 0. Not recursive; with
/// -DTIDELOCK_DEBUG, in every file that uses the lock, taking it again on one thread ends the process with
/// a message.
typedef struct {
  uint32_t word;
} tidelock_spinlock;

#define TIDELOCK_SPINLOCK_FREE {0}

/// Takes the lock; waits while it is taken. Acquires. In a signal handler only if the code it may
/// interrupt does not hold the lock.
static inline void tidelock_spin_lock(tidelock_spinlock *lock) {
  tidelock_lock((uintptr_t)&lock->word);
}

/// Takes the lock if it is free and nobody is seen to wait for it; returns whether it did. Acquires if so.
/// Wait-free.
static inline bool tidelock_spin_trylock(tidelock_spinlock *lock) {
  return tidelock_try_lock((uintptr_t)&lock->word);
}

/// Releases the lock, which this thread must hold. Releases; one store in native.
static inline void tidelock_spin_unlock(tidelock_spinlock *lock) {
  tidelock_unlock((uintptr_t)&lock->word);
}

/// The three sets of lock operations.
enum tidelock_set {
  /// Queued, spinning: for dedicated CPUs.
  TIDELOCK_NATIVE = 0,
  /// Queued, sleeping: for shared CPUs. A process starts in it, unless TIDELOCK_SET in its environment
  /// says `native` or `test-and-set`; `auto` also starts the policy (TidelockPolicy.h).
  TIDELOCK_PARAVIRTUAL = 1,
  /// Not queued, spinning, unfair.
  TIDELOCK_TEST_AND_SET = 2
};

/// How a switch is carried out. Use `staged`; the others are there for comparison.
enum tidelock_protocol {
  TIDELOCK_STAGED = 0,
  TIDELOCK_STOP_MACHINE = 1,
  TIDELOCK_BARRIER = 2
};

/// How patch sites are changed.
enum tidelock_method { TIDELOCK_STORE = 0, TIDELOCK_BREAKPOINT = 1 };

/// Switches all locks of the process while its threads keep taking them: all or nothing.
///
/// Blocks until the new set is in force, usually for less than a millisecond, or until `time_limit`
/// (nanoseconds) has passed and the switch is undone. Any thread; not in a signal handler, and not while the
/// caller holds a lock that others may be waiting for.
///
/// `words` is NULL, or memory for `size` bytes. It receives the report as one line of JSON, or a sentence
/// that says what failed and the way out: terminated by a zero byte, and truncated if too long.
///
/// Returns 0, or EBUSY: another switch is under way, try again; ETIMEDOUT, EAGAIN: threads did not leave
/// the old operations in time; EACCES: the kernel forbids writing text, or reading /proc/self; EPERM:
/// threads block a signal that the method needs; ECANCELED: exit has begun; ENOMEM: the process had no
/// memory or key for its threads; ENOTSUP: the kernel is too old; ENOTRECOVERABLE: text or state is
/// not what it must be; EINVAL: no such set, protocol or method.
int tidelock_switch_using(uint32_t set, uint32_t protocol, uint32_t method, uint64_t time_limit,
                          char *words, size_t size);

/// The same by the default protocol and method, undone after five seconds.
static inline int tidelock_switch(enum tidelock_set set, char *words, size_t size) {
  return tidelock_switch_using((uint32_t)set, TIDELOCK_STAGED, TIDELOCK_STORE, 5000000000u, words,
                               size);
}

/// The set in force: an enum tidelock_set. While a switch is under way, the one it started from.
uint32_t tidelock_current(void);

#ifdef __cplusplus
}
#endif
#endif
