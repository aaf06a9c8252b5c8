// Identical code folding: functions with equal code become one, and so do their sites, while the
// table keeps an entry for each. Of the first version, whose sites are equal; those of today, each with a
// jump to a stub of its own, need not be.
#include "first-version.h"
#include "program.h"

static uint32_t lock;

__attribute__((noinline)) static void release_one(uint32_t *word) {
  first_version_unlock((uintptr_t)word);
}
__attribute__((noinline)) static void release_other(uint32_t *word) {
  first_version_unlock((uintptr_t)word);
}

template <typename Value> struct Cell {
  Value value;
  __attribute__((noinline)) void set(uint32_t *word, Value next) {
    tidelock_lock((uintptr_t)word);
    value = next;
    first_version_unlock((uintptr_t)word);
  }
};

static int duplicates(void) {
  int count = 0;
  for (const struct tidelock_site *a = __start_tidelock_sites; a < &__stop_tidelock_sites[0]; a++) {
    for (const struct tidelock_site *b = a + 1; b < &__stop_tidelock_sites[0]; b++) {
      count += field_target(&a->site) == field_target(&b->site);
    }
  }
  return count;
}

static void use(void) {
  Cell<long> one = {0};
  Cell<unsigned long> other = {0};
  tidelock_lock((uintptr_t)&lock);
  release_one(&lock);
  tidelock_lock((uintptr_t)&lock);
  release_other(&lock);
  one.set(&lock, 1);
  other.set(&lock, 2);
  require(lock == 0 && one.value == 1 && other.value == 2, "the lock does not work");
}

int main() {
  require(duplicates() >= 2, "nothing was folded");
  use();
  require(program_switch(PARAVIRTUAL, 0) == 0, "a switch was refused");
  use();
  require(program_switch(NATIVE, 0) == 0, "a switch was refused");
  use();
  switch_all_ways();
  return 0;
}
