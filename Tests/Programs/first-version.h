// Lock and unlock as libraries of the first version of Tidelock have them: the fast path compares the
// whole word, the unlock is native in the file, and its entry in the table says so. With -DFIRST_VERSION
// the file, and LockSites.c if this is included before it, look for a core of that version.
#ifndef FIRST_VERSION_H
#define FIRST_VERSION_H

#include "LockSites.h"

#ifdef FIRST_VERSION
#undef TIDELOCK_ABI
#define TIDELOCK_ABI 1
#endif

static inline __attribute__((always_inline)) void first_version_lock(uintptr_t lock) {
  uint32_t expected = 0;
  if (!__atomic_compare_exchange_n((uint32_t *)lock, &expected, 1u, 0, __ATOMIC_ACQUIRE,
                                   __ATOMIC_RELAXED)) {
    tidelock_lock_slow(lock);
  }
}

static inline __attribute__((always_inline)) void first_version_unlock(uintptr_t lock) {
  __asm__ volatile(
      ".p2align 3,,4\n"
      "771:\t.byte 0x40, 0xc6, 0x47, 0x00, 0x00\n"
      "772:\n"
      ".pushsection .text.tidelock_stubs,\"ax?\",@progbits\n"
      ".p2align 5, 0xcc\n"
      "773:\tmovl $1, %%eax\n"
      "\tlock cmpxchgb %%ah, (%%rdi)\n"
      "\tjne 775f\n"
      "774:\t.byte 0xe9\n"
      "\t.long 772b - . - 4\n"
      "775:\tsubq $128, %%rsp\n"
      "\tcall tidelock_unlock_slow_thunk\n"
      "\taddq $128, %%rsp\n"
      "\tjmp 774b\n"
      ".popsection\n"
      ".pushsection tidelock_sites,\"aR?\",@progbits\n"
      "\t.long 771b - ., 773b - .\n"
      "\t.short 1\n"
      "\t.byte 5, 1\n"
      "\t.long 0\n"
      ".popsection"
      :
      : "D"(lock)
      : "memory", "cc", "rax", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
        "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

#endif
