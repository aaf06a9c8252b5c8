#include "inline.hh"

int use_in_other_file(uint32_t *lock, int *counter);

int main() {
  uint32_t lock = 0;
  int counter = 0;
  for (int set : {NATIVE, PARAVIRTUAL, TEST_AND_SET, NATIVE}) {
    require(set == NATIVE || program_switch(set, 0) == 0, "a switch was refused");
    use_all(&lock, &counter);
    use_in_other_file(&lock, &counter);
  }
  require(counter == 4 * 2 * 4 && shared_counter == 4 * 2, "updates were lost");
  switch_all_ways();
  return 0;
}
