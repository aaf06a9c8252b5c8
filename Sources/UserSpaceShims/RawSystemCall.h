// A system call without the C library's wrapper, which sets errno: the interrupted code may be
// about to read it.
#ifndef TIDELOCK_RAW_SYSTEM_CALL_H
#define TIDELOCK_RAW_SYSTEM_CALL_H

static inline long tidelock_call(long number, long a, long b, long c, long d) {
  register long r10 __asm__("r10") = d;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
}

#endif
