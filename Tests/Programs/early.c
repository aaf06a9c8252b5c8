// Loads, in paravirtual, a library whose lock is used before it attaches.
#include "program.h"

#include <dlfcn.h>

int main(int count, char **arguments) {
  (void)count;
  require(program_switch(PARAVIRTUAL, 0) == 0, "a switch was refused");
  alarm(30);
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL);
  require(library != NULL, "the library was not loaded");
  require(*(int *)dlsym(library, "early_is_done"), "its lock was not used early");
  require(program_switch(NATIVE, 0) == 0, "a switch was refused");
  return 0;
}
