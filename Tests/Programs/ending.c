// The sites of a program still hold the set in force while it ends: threads and handlers go on
// executing them. A library that comes then, and cannot follow, is left as it is.
#include "program.h"

extern void (*ending_check)(int set);
extern const char *ending_library;

static uint32_t lock;

int main(int count, char **arguments) {
  ending_check = check_sites;
  ending_library = count > 1 ? arguments[1] : NULL;
  require(program_switch(NATIVE, 0) == 0, "a switch was refused");
  require(program_switch(PARAVIRTUAL, 0) == 0, "a switch was refused");
  if (ending_library == NULL) require(program_switch(NATIVE, 0) == 0, "a switch was refused");
  tidelock_lock((uintptr_t)&lock);
  tidelock_unlock((uintptr_t)&lock);
  return 0;
}
