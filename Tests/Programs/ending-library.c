// A library that goes on after the program's own image has let go of its sites, and asks for a switch
// then; or that loads another.
#include "program.h"

#include <dlfcn.h>

void (*ending_check)(int set);
const char *ending_library;

__attribute__((destructor)) static void end(void) {
  int set = program_current();
  int refused = program_switch(PARAVIRTUAL - set, 0);
  ending_check(program_current());
  require(refused && program_current() == set, "a switch began after the program's exit had");
  if (ending_library == NULL) return;
  alarm(30);
  require(dlopen(ending_library, RTLD_NOW) != NULL, "a library was not loaded at the end");
}
