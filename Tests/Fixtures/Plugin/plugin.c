// A library with patch sites of its own: no more than LockSites.h and LockSites.c. Compiled by the
// tests, as C and as C++, and loaded and unloaded by them.
#include "../../Programs/first-version.h"
#include "LockSites.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void plugin_lock(uintptr_t lock) { tidelock_lock(lock); }
void plugin_unlock(uintptr_t lock) { tidelock_unlock(lock); }

// Adds 1 so many times to what the lock guards.
void plugin_add(uintptr_t lock, uintptr_t counter, int count) {
  for (int i = 0; i < count; i++) {
    tidelock_lock(lock);
    *(volatile uint64_t *)counter = *(volatile uint64_t *)counter + 1;
    tidelock_unlock(lock);
  }
}

extern const struct tidelock_site __start_tidelock_sites[]
    __attribute__((weak, visibility("hidden")));
extern const struct tidelock_site __stop_tidelock_sites[]
    __attribute__((weak, visibility("hidden")));

size_t plugin_site_count(void) { return (size_t)(__stop_tidelock_sites - __start_tidelock_sites); }

uintptr_t plugin_site(size_t index) {
  const int32_t *field = &__start_tidelock_sites[index].site;
  return (uintptr_t)field + (uintptr_t)(intptr_t)*field;
}

#ifdef FIRST_VERSION
void plugin_of_first_version(uintptr_t lock) { first_version_unlock(lock); }
#endif

#ifdef OTHER_VERSION
// An entry of the table as a later version of Tidelock might write it.
void plugin_of_later_version(uintptr_t lock) {
  __asm__ volatile(
      ".p2align 3,,4\n"
      "771:\t.byte 0x40, 0xc6, 0x47, 0x00, 0x00\n"
      ".pushsection tidelock_sites,\"aR\",@progbits\n"
      "\t.long 771b - ., 771b - .\n"
      "\t.short 1\n"
      "\t.byte 5, 3\n"
      "\t.long 0\n"
      ".popsection"
      :
      : "D"(lock)
      : "memory");
}
#endif

#ifdef __cplusplus
}
#endif
