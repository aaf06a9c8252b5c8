#include "inline.hh"

int use_in_other_file(uint32_t *lock, int *counter) { return use_all(lock, counter); }
