// A library with sites that does not name the core's library as needed: the loader may run its
// constructors, and so attach it, before the core's.
#include "LockSites.h"

static uint32_t lock;
void library_work(void) {
  tidelock_lock((uintptr_t)&lock);
  tidelock_unlock((uintptr_t)&lock);
}

__attribute__((constructor)) static void begin(void) { library_work(); }
