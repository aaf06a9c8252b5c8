// One lock, in every set: for flags that change how a program is compiled or linked.
#include "program.h"

static uint32_t lock;
static long counter;

__attribute__((noinline)) void add(void) {
  tidelock_lock((uintptr_t)&lock);
  ++counter;
  tidelock_unlock((uintptr_t)&lock);
}

int main(void) {
  for (int set = NATIVE; set <= TEST_AND_SET; set++) {
    require(set == NATIVE || program_switch(set, 0) == 0, "a switch was refused");
    add();
  }
  require(counter == 3 && lock == 0, "the lock does not work");
  switch_all_ways();
  return 0;
}
