// Switches of ten thousand sites, for callgrind to count what of them is executed at each site. Argument: how
// many times to native and back.
#include "program.h"

#define TEN(what) what what what what what what what what what what

// Never called: sites that are there.
__attribute__((noinline, used)) void ten_thousand(uintptr_t lock) {
  TEN(TEN(TEN(TEN(tidelock_unlock(lock);))))
}

// Noinline, and named to callgrind.
__attribute__((noinline)) int switch_to_native(void) { return program_switch(NATIVE, 0); }
__attribute__((noinline)) int switch_to_paravirtual(void) { return program_switch(PARAVIRTUAL, 0); }

int main(int count, char **arguments) {
  require(count > 1 && program_current() == PARAVIRTUAL, "another set is in force");
  for (int times = atoi(arguments[1]); times > 0; times--) {
    require(switch_to_native() == 0, "a switch to native was refused");
    check_sites(NATIVE);
    require(switch_to_paravirtual() == 0, "a switch to paravirtual was refused");
    check_sites(PARAVIRTUAL);
  }
  return 0;
}
