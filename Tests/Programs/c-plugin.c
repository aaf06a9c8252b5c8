// A library with locks, linked with libtidelock.so: for a Swift program that has a core of its own.
#include <string.h>

#include <tidelock/tidelock.h>

extern const struct tidelock_site __start_tidelock_sites[]
    __attribute__((weak, visibility("hidden")));
extern const struct tidelock_site __stop_tidelock_sites[]
    __attribute__((weak, visibility("hidden")));

static tidelock_spinlock lock = TIDELOCK_SPINLOCK_FREE;
static int count;

int plugin_switch(uint32_t set) { return tidelock_switch((enum tidelock_set)set, NULL, 0); }

uint32_t plugin_current(void) { return tidelock_current(); }

// 0 if the lock works and each site holds the form of the set: a jump in paravirtual, else a store.
int plugin_use(uint32_t set) {
  int before = count;
  tidelock_spin_lock(&lock);
  count++;
  tidelock_spin_unlock(&lock);
  if (count != before + 1 || lock.word != 0) return 1;
  if (&__start_tidelock_sites[0] == &__stop_tidelock_sites[0]) return 2;
  for (const struct tidelock_site *entry = __start_tidelock_sites; entry < &__stop_tidelock_sites[0];
       entry++) {
    const unsigned char *site = (const unsigned char *)&entry->site + entry->site;
    if (*site != (set == TIDELOCK_PARAVIRTUAL ? 0xe9 : 0x40)) return 3;
  }
  return 0;
}
