// What the processor says about itself, and a hypervisor about itself in its stead.
#ifndef CPU_IDENTIFICATION_H
#define CPU_IDENTIFICATION_H

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

#endif
