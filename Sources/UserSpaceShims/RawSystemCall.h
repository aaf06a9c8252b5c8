// A system call without the C library's wrapper, which sets errno: the interrupted code may be
// about to read it.
#ifndef TIDELOCK_RAW_SYSTEM_CALL_H
#define TIDELOCK_RAW_SYSTEM_CALL_H

static inline __attribute__((always_inline)) long tidelock_call6(long number, long a, long b, long c,
                                                                 long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

static inline __attribute__((always_inline)) long tidelock_call(long number, long a, long b, long c,
                                                                long d) {
  return tidelock_call6(number, a, b, c, d, 0, 0);
}

#endif
