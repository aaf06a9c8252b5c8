// What the processor says about itself, and a hypervisor about itself in its stead; and where threads run.
#ifndef CPU_IDENTIFICATION_H
#define CPU_IDENTIFICATION_H

#include <stdbool.h>

struct cpu_leaf {
  unsigned int eax, ebx, ecx, edx;
};

// One leaf of CPUID, which any program may read.
static inline struct cpu_leaf cpu_leaf(unsigned int number) {
  struct cpu_leaf leaf = {number, 0, 0, 0};
#if defined(__x86_64__)
  __asm__ volatile("cpuid" : "+a"(leaf.eax), "=b"(leaf.ebx), "+c"(leaf.ecx), "=d"(leaf.edx));
#endif
  return leaf;
}

// Whether the thread that asks may run on a CPU.
bool cpu_is_allowed(int cpu);
// Keeps the thread that asks on one CPU; false, and nothing is done, if it may not run there.
bool cpu_pin(int cpu);

#endif
