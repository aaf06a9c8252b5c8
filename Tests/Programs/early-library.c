// A library whose lock is used before the image attaches: by -init, by its own first constructor
// (-DFIRST), or by another library of a cycle (-DCYCLE, early-other.c). With -DFIRST_VERSION it is one of
// that version, whose unlock is native before that.
#include "first-version.h"
#include "program.h"

#include <pthread.h>

uint32_t early_lock;
int early_is_done;
static uint32_t is_inside;

#ifdef FIRST_VERSION
#define tidelock_lock first_version_lock
#define tidelock_unlock first_version_unlock
#endif

static void *waiter(void *unused) {
  tidelock_lock((uintptr_t)&early_lock);
  __atomic_store_n(&is_inside, 1, __ATOMIC_SEQ_CST);
  tidelock_unlock((uintptr_t)&early_lock);
  return unused;
}

// Unlocks while somebody sleeps, over and over: what an unlock leaves behind must harm no later one.
void early(void) {
  for (int round = 0; round < 3; round++) {
    pthread_t thread;
    tidelock_lock((uintptr_t)&early_lock);
    __atomic_store_n(&is_inside, 0, __ATOMIC_SEQ_CST);
    pthread_create(&thread, NULL, waiter, NULL);
    // 3 in the byte: the waiter is about to sleep, or does.
    while (program_current() == PARAVIRTUAL &&
           __atomic_load_n((uint8_t *)&early_lock, __ATOMIC_RELAXED) != 3) {
    }
    tidelock_unlock((uintptr_t)&early_lock);
    pthread_join(thread, NULL);
  }
  early_is_done = 1;
}

#ifdef FIRST
__attribute__((section(".init_array.00001"), used)) static void (*early_first)(void) = early;
#endif
#ifdef CYCLE
void early_other(void);
void (*early_cycle)(void) = early_other;
#endif
