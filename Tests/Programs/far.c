// A function so far from the rest that no jump reaches a stub: the linker must say so.
#include "program.h"

static uint32_t lock;

__attribute__((section(".far"), noinline)) void far_away(void) {
  tidelock_lock((uintptr_t)&lock);
  tidelock_unlock((uintptr_t)&lock);
}

int main(void) {
  void (*volatile function)(void) = far_away;
  function();
  return 0;
}
