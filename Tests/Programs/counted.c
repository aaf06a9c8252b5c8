// A hundred uncontended pairs of lock and unlock in a row, for callgrind to count their instructions; and
// what a lock, a thread and a site take of memory. Argument: the set that must be in force.
#include "program.h"

#define TEN(what) what what what what what what what what what what
#define HUNDRED(what) TEN(TEN(what))

// Guarded data on a line of its own.
static struct {
  uint32_t lock;
  long counter;
} guarded __attribute__((aligned(64)));

// The same work with and without locks: the difference is the locks'. Noinline, and named to callgrind.
__attribute__((noinline)) void hundred_pairs(void) {
  HUNDRED(tidelock_lock((uintptr_t)&guarded.lock); ++guarded.counter;
          tidelock_unlock((uintptr_t)&guarded.lock);)
}

__attribute__((noinline)) void hundred_additions(void) {
  HUNDRED(__asm__ volatile("" ::: "memory"); ++guarded.counter;)
}

// A lock is its word. A site is five bytes of text and up to four before it, a stub of 32, and an entry of 16.
static void check_sizes(void) {
  const struct tidelock_site *entry = __start_tidelock_sites, *end = __stop_tidelock_sites;
  require(sizeof guarded.lock == 4 && sizeof *entry == 16 && end - entry == 100, "sizes of a site");
  for (; entry + 1 < end; entry++) {
    require(field_target(&entry[1].stub) - field_target(&entry->stub) == 32, "the size of a stub");
  }
}

int main(int count, char **arguments) {
  require(count > 1 && program_current() == atoi(arguments[1]), "another set is in force");
  check_sites(program_current());
  check_sizes();
  hundred_additions();
  hundred_pairs();
  require(guarded.counter == 200 && guarded.lock == 0, "the lock does not work");
  return 0;
}
