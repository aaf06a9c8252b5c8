// Reaches main, with such a library among those it starts with.
#include "program.h"

void library_work(void);

int main(void) {
  library_work();
  require(program_switch(PARAVIRTUAL, 0) == 0, "a switch was refused");
  library_work();
  require(program_switch(NATIVE, 0) == 0, "a switch was refused");
  return 0;
}
