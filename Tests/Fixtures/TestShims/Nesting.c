// Contexts nested on a thread: signal handlers that take locks over a thread that holds others or
// waits for others.
//
// Levels are ordered: a handler blocks the signals of its own level and of those below, and the
// section of a level takes the lock of that level only. So locks are always taken in the order of
// their levels and nothing here can deadlock by itself.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>

#include "LockSites.h"
#include "TestShims.h"
#include "UserSpaceShims.h"

static struct {
  _Alignas(64) uint32_t lock;
  // Equal whenever nobody is in the section.
  uint64_t pair[2];
  uint64_t entered;
} levels[TEST_LEVELS];

static uint64_t waited[TEST_LEVELS + 1];
static uint64_t violations, errno_changes;

static void count(uint64_t *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

void test_nesting_section(int level) {
  uintptr_t lock = (uintptr_t)&levels[level].lock;
  int mark = level + 1000;
  int saved = errno;
  errno = mark;
  if (!tidelock_try_lock(lock)) {
    uintptr_t self = tidelock_self();
    uint32_t depth = self == 0 ? 0 : __atomic_load_n((uint32_t *)tidelock_thread_mark(self), __ATOMIC_RELAXED);
    if (depth <= TEST_LEVELS) count(&waited[depth]);
    tidelock_lock(lock);
  }
  // Only ever written inside; relaxed accesses, so that a broken lock shows as wrong numbers.
  uint64_t first = __atomic_load_n(&levels[level].pair[0], __ATOMIC_RELAXED);
  uint64_t second = __atomic_load_n(&levels[level].pair[1], __ATOMIC_RELAXED);
  if (first != second) count(&violations);
  __atomic_store_n(&levels[level].pair[0], first + 1, __ATOMIC_RELAXED);
  // A long section, so that others come and wait: in handlers always, else now and then.
  if (level > 0 || first % 8 == 0) {
    tidelock_yield();
  } else {
    for (int i = 0; i < 40; i++) tidelock_pause();
  }
  __atomic_store_n(&levels[level].pair[1], second + 1, __ATOMIC_RELAXED);
  tidelock_unlock(lock);
  if (errno != mark) count(&errno_changes);
  errno = saved;
  count(&levels[level].entered);
  // And now and then a long time outside: who gives the processor away only while it holds the lock
  // never lets those that wait without a queue (test-and-set, the gate) see it free.
  if (first % 8 == 4) tidelock_yield();
}

int test_nesting_signal(int level) {
  const int signals[] = {0, SIGUSR1, SIGUSR2, SIGRTMIN, SIGRTMIN + 1, SIGRTMIN + 2};
  return signals[level];
}

static void handle(int signal) {
  for (int level = 1; level < TEST_LEVELS; level++) {
    if (signal == test_nesting_signal(level)) test_nesting_section(level);
  }
}

void test_nesting_install(void) {
  for (int level = 1; level < TEST_LEVELS; level++) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (int below = 1; below <= level; below++) {
      sigaddset(&action.sa_mask, test_nesting_signal(below));
    }
    sigaction(test_nesting_signal(level), &action, NULL);
  }
}

uintptr_t test_nesting_lock(int level) { return (uintptr_t)&levels[level].lock; }
uint64_t test_nesting_entered(int level) {
  return __atomic_load_n(&levels[level].entered, __ATOMIC_RELAXED);
}
uint64_t test_nesting_counted(int level) {
  return __atomic_load_n(&levels[level].pair[1], __ATOMIC_RELAXED);
}
uint64_t test_nesting_waited(int depth) { return __atomic_load_n(&waited[depth], __ATOMIC_RELAXED); }
uint64_t test_nesting_violations(void) { return __atomic_load_n(&violations, __ATOMIC_RELAXED); }
uint64_t test_nesting_errno_changes(void) {
  return __atomic_load_n(&errno_changes, __ATOMIC_RELAXED);
}

// MARK: Parking

static uint32_t parked, released;

static void park(int signal) {
  (void)signal;
  __atomic_fetch_add(&parked, 1, __ATOMIC_RELAXED);
  while (!__atomic_load_n(&released, __ATOMIC_RELAXED)) tidelock_yield();
}

void test_park_install(int signal) {
  __atomic_store_n(&parked, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&released, 0, __ATOMIC_RELAXED);
  struct sigaction action = {.sa_handler = park, .sa_flags = SA_RESTART};
  sigaction(signal, &action, NULL);
}

uint32_t test_parked(void) { return __atomic_load_n(&parked, __ATOMIC_RELAXED); }
void test_park_release(void) { __atomic_store_n(&released, 1, __ATOMIC_RELAXED); }

static void interrupt(int signal) { (void)signal; }

void test_interrupt_install(int signal) {
  struct sigaction action = {.sa_handler = interrupt};
  sigaction(signal, &action, NULL);
}
