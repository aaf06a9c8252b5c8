// A library in a namespace of its own (dlmopen) has the core of the process, and follows it.
#include "program.h"

#include <dlfcn.h>

static void use(void (*check)(int), void (*add)(uint32_t *, long *), int set) {
  static uint32_t lock;
  static long counter;
  long before = counter;
  add(&lock, &counter);
  require(counter == before + 1 && lock == 0, "its lock does not work");
  check(set);
}

int main(int count, char **arguments) {
  static uint32_t own;
  (void)count;
  tidelock_lock((uintptr_t)&own);
  tidelock_unlock((uintptr_t)&own);
  require(program_switch(PARAVIRTUAL, 0) == 0, "a switch was refused");
  void *library = dlmopen(LM_ID_NEWLM, arguments[1], RTLD_NOW);
  require(library != NULL, "the library was not loaded");
  void (*check)(int) = (void (*)(int))dlsym(library, "plain_check");
  void (*add)(uint32_t *, long *) = (void (*)(uint32_t *, long *))dlsym(library, "plain_add");
  for (int set = PARAVIRTUAL; set >= NATIVE; set--) {
    require(program_switch(set, 1) == 0, "a switch was refused");
    use(check, add, set);
  }
  dlclose(library);
  switch_all_ways();
  return 0;
}
