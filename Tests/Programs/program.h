// What the programs of Scripts/check-programs share. Each is C or C++ with locks of its own, linked with
// the core as a shared library; it returns 0 if all is as it should be and says what is not.
#ifndef PROGRAM_H
#define PROGRAM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "LockSites.h"

enum { NATIVE, PARAVIRTUAL, TEST_AND_SET };

#ifdef __cplusplus
extern "C" {
#endif

// Core/Sources/ProgramCore.
int program_switch(int set, int by_breakpoint);
int program_switch_using(int set, int protocol, int by_breakpoint);
int program_current(void);

extern const struct tidelock_site __start_tidelock_sites[]
    __attribute__((weak, visibility("hidden")));
extern const struct tidelock_site __stop_tidelock_sites[]
    __attribute__((weak, visibility("hidden")));

#ifdef __cplusplus
}
#endif

static inline void require(int holds, const char *what) {
  if (holds) return;
  printf("%s\n", what);
  fflush(stdout);
  _exit(1);
}

// A lock, and whether the threads that take it for ever are to end.
struct taking {
  uint32_t lock;
  int stop;
};

// What such a thread does.
static inline void *take_until_stopped(void *taking) {
  struct taking *taken = (struct taking *)taking;
  while (!__atomic_load_n(&taken->stop, __ATOMIC_RELAXED)) {
    tidelock_lock((uintptr_t)&taken->lock);
    tidelock_unlock((uintptr_t)&taken->lock);
  }
  return NULL;
}

static inline uintptr_t field_target(const int32_t *field) {
  return (uintptr_t)field + (uintptr_t)(intptr_t)*field;
}

// Where the jump at an address leads; 0 if there is none.
static inline uintptr_t jump_target(uintptr_t address) {
  int32_t distance;
  if (*(const uint8_t *)address != 0xe9) return 0;
  memcpy(&distance, (const void *)(address + 1), sizeof distance);
  return address + 5 + (uintptr_t)(intptr_t)distance;
}

// Every entry of this image's table names a site that holds the form of a set, and a stub that leads
// back to it.
static inline void check_sites(int set) {
  static const uint8_t native[] = {0x40, 0xc6, 0x47, 0x00, 0x00};
  require(&__start_tidelock_sites[0] != &__stop_tidelock_sites[0], "there are no sites");
  for (const struct tidelock_site *entry = __start_tidelock_sites; entry < &__stop_tidelock_sites[0];
       entry++) {
    uintptr_t site = field_target(&entry->site), stub = field_target(&entry->stub);
    require(jump_target(stub + 11) == site + 5, "a stub does not lead back to its site");
    if (set == PARAVIRTUAL) {
      uintptr_t target = jump_target(site);
      require(target != 0, "a site is native in paravirtual");
      require(jump_target(target + 11) == site + 5, "a site jumps to a stub that leads elsewhere");
    } else {
      require(memcmp((const void *)site, native, sizeof native) == 0, "a site is not native");
    }
  }
}

// To every set and back, by both methods.
static inline void switch_all_ways(void) {
  static const int sets[] = {PARAVIRTUAL, NATIVE, TEST_AND_SET, PARAVIRTUAL, TEST_AND_SET, NATIVE};
  for (int method = 0; method < 2; method++) {
    for (unsigned i = 0; i < sizeof sets / sizeof *sets; i++) {
      require(program_switch(sets[i], method) == 0, "a switch was refused");
      require(program_current() == sets[i], "another set is in force");
      check_sites(sets[i]);
    }
  }
}

#endif
