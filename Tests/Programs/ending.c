// The sites of a program still hold the set in force while it ends: threads and handlers go on
// executing them.
#include "program.h"

extern void (*ending_check)(int set);

static uint32_t lock;

int main(void) {
  ending_check = check_sites;
  require(program_switch(PARAVIRTUAL, 0) == 0, "a switch was refused");
  require(program_switch(NATIVE, 0) == 0, "a switch was refused");
  tidelock_lock((uintptr_t)&lock);
  tidelock_unlock((uintptr_t)&lock);
  return 0;
}
