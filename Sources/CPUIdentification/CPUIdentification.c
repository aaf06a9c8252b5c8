#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CPUIdentification.h"

#include <sched.h>

// Of the first 1024, as many as a set holds.

bool cpu_is_allowed(int cpu) {
  cpu_set_t set;
  if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof set, &set) != 0) return false;
  return CPU_ISSET(cpu, &set);
}

bool cpu_pin(int cpu) {
  cpu_set_t set;
  if (cpu < 0 || cpu >= CPU_SETSIZE) return false;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}
