// Atomic accesses by address, for the platforms' conformance to AtomicMemory.
//
// The compiler's own atomics under names that Swift can call; inlined, each is its instruction.
// Freestanding: the kernel module includes this file as it is.
#ifndef TIDELOCK_MACHINE_ATOMICS_H
#define TIDELOCK_MACHINE_ATOMICS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TIDELOCK_INLINE static inline __attribute__((always_inline))

#define TIDELOCK_ATOMICS(bits)                                                                     \
  TIDELOCK_INLINE uint##bits##_t tidelock_load##bits(uintptr_t a) {                                \
    return __atomic_load_n((uint##bits##_t *)a, __ATOMIC_RELAXED);                                 \
  }                                                                                                \
  TIDELOCK_INLINE uint##bits##_t tidelock_load_acquire##bits(uintptr_t a) {                        \
    return __atomic_load_n((uint##bits##_t *)a, __ATOMIC_ACQUIRE);                                 \
  }                                                                                                \
  TIDELOCK_INLINE void tidelock_store##bits(uintptr_t a, uint##bits##_t v) {                       \
    __atomic_store_n((uint##bits##_t *)a, v, __ATOMIC_RELAXED);                                    \
  }                                                                                                \
  TIDELOCK_INLINE void tidelock_store_release##bits(uintptr_t a, uint##bits##_t v) {               \
    __atomic_store_n((uint##bits##_t *)a, v, __ATOMIC_RELEASE);                                    \
  }                                                                                                \
  /* Updates are full barriers on x86-64 whatever is asked for, and the compiler may move nothing  \
     across them either: one version serves every ordering. */                                     \
  TIDELOCK_INLINE uint##bits##_t tidelock_exchange##bits(uintptr_t a, uint##bits##_t v) {          \
    return __atomic_exchange_n((uint##bits##_t *)a, v, __ATOMIC_SEQ_CST);                          \
  }                                                                                                \
  TIDELOCK_INLINE uint##bits##_t tidelock_compare_exchange##bits(                                  \
      uintptr_t a, uint##bits##_t expected, uint##bits##_t desired) {                              \
    __atomic_compare_exchange_n((uint##bits##_t *)a, &expected, desired, 0, __ATOMIC_SEQ_CST,      \
                                __ATOMIC_RELAXED);                                                 \
    return expected;                                                                               \
  }                                                                                                \
  TIDELOCK_INLINE uint##bits##_t tidelock_fetch_or##bits(uintptr_t a, uint##bits##_t v) {          \
    return __atomic_fetch_or((uint##bits##_t *)a, v, __ATOMIC_SEQ_CST);                            \
  }                                                                                                \
  TIDELOCK_INLINE uint##bits##_t tidelock_fetch_add##bits(uintptr_t a, uint##bits##_t v) {         \
    return __atomic_fetch_add((uint##bits##_t *)a, v, __ATOMIC_SEQ_CST);                           \
  }

TIDELOCK_ATOMICS(8)
TIDELOCK_ATOMICS(16)
TIDELOCK_ATOMICS(32)
TIDELOCK_ATOMICS(64)

TIDELOCK_INLINE void tidelock_compiler_barrier(void) { __asm__ volatile("" ::: "memory"); }
TIDELOCK_INLINE void tidelock_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
TIDELOCK_INLINE void tidelock_pause(void) { __builtin_ia32_pause(); }
TIDELOCK_INLINE uint64_t tidelock_timestamp(void) { return __builtin_ia32_rdtsc(); }

#ifdef __cplusplus
}
#endif

#endif
