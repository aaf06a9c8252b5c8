// The locks that a thread holds, for debug builds that look for recursion: they tell, and ask.
#define _GNU_SOURCE
#include "UserSpaceShims.h"

// Places above `count` are 0, lest a handler that comes between two stores finds an old entry.
enum { PLACES = 16 };
static __thread uintptr_t held[PLACES] __attribute__((tls_model("initial-exec")));
static __thread uint32_t count __attribute__((tls_model("initial-exec")));

// A signal handler on the same thread leaves the account as it found it, so plain accesses do, in an
// order that it sees.
#define IN_ORDER() __atomic_signal_fence(__ATOMIC_SEQ_CST)

static uint32_t place_of(uintptr_t lock) {
  // The lock taken last is mostly the one released first.
  for (uint32_t place = count; place-- > 0;) {
    if (held[place] == lock) return place;
  }
  return PLACES;
}

_Bool tidelock_holds(uintptr_t lock) {
  // The account is stale where a lock was lost with its memory (longjmp): free, it has no owner.
  return place_of(lock) != PLACES && __atomic_load_n((uint8_t *)lock, __ATOMIC_RELAXED) != 0;
}

void tidelock_note(uintptr_t lock, _Bool is_held) {
  uint32_t place = place_of(lock);
  if (is_held) {
    if (place != PLACES || count == PLACES) return;
    // The place is ours before it is written: a handler takes those above it.
    uint32_t own = count;
    count = own + 1;
    IN_ORDER();
    held[own] = lock;
    return;
  }
  if (place == PLACES) return;
  uint32_t last = count - 1;
  held[place] = held[last];
  IN_ORDER();
  held[last] = 0;
  IN_ORDER();
  count = last;
}
