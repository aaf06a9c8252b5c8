// A library that goes on after the program's own image has let go of its sites, and asks for a switch
// then.
#include "program.h"

void (*ending_check)(int set);

__attribute__((destructor)) static void end(void) {
  int refused = program_switch(PARAVIRTUAL, 0);
  ending_check(program_current());
  require(refused, "a switch began after the program's exit had");
}
