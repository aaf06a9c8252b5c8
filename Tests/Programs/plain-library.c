// A library with a site.
#include "program.h"

void plain_add(uint32_t *lock, long *counter) {
  tidelock_lock((uintptr_t)lock);
  ++*counter;
  tidelock_unlock((uintptr_t)lock);
}

void plain_check(int set) { check_sites(set); }
