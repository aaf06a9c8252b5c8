// A library whose table is of a version that nobody knows.
#include "LockSites.h"

void library_unlock(uintptr_t lock) {
  __asm__ volatile(
      ".p2align 3,,4\n"
      "771:\t.byte 0x40, 0xc6, 0x47, 0x00, 0x00\n"
      ".pushsection tidelock_sites,\"aR\",@progbits\n"
      "\t.long 771b - ., 771b - .\n"
      "\t.short 1\n"
      "\t.byte 5, 255\n"
      "\t.long 0\n"
      ".popsection"
      :
      : "D"(lock)
      : "memory");
}
