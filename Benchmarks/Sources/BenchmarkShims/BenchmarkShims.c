#define _GNU_SOURCE
#include "BenchmarkShims.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void bench_multiply(uint32_t steps) {
  // A multiplication takes three cycles and a core begins up to three in each: nine or more keep it busy.
  uint64_t a = 3, b = 3, c = 3, d = 3, e = 3, f = 3, g = 3, h = 3, i = 3, j = 3, k = 3, l = 3;
  for (uint32_t step = 0; step < steps; step++) {
    __asm__ volatile(
        "imul %0, %0\n\timul %1, %1\n\timul %2, %2\n\timul %3, %3\n\t"
        "imul %4, %4\n\timul %5, %5\n\timul %6, %6\n\timul %7, %7\n\t"
        "imul %8, %8\n\timul %9, %9\n\timul %10, %10\n\timul %11, %11"
        : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g), "+r"(h), "+r"(i), "+r"(j), "+r"(k),
          "+r"(l));
  }
}

void bench_futex_wait(uint32_t *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void bench_futex_wake(uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }

void bench_adaptive_mutex_init(pthread_mutex_t *mutex) {
  static const pthread_mutex_t adaptive = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
  memcpy(mutex, &adaptive, sizeof adaptive);
}

int bench_usable_cpus(int *cpus, int room) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
  int count = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &set)) continue;
    if (count < room) cpus[count] = cpu;
    count++;
  }
  return count;
}

int bench_pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

int bench_lowest_priority(void) {
  // On Linux of the calling thread alone.
  return setpriority(PRIO_PROCESS, 0, 19) == 0 ? 0 : errno;
}

int bench_join(pthread_t thread, double seconds) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  double fraction = (double)until.tv_nsec * 1e-9 + seconds;
  until.tv_sec += (time_t)fraction;
  until.tv_nsec = (long)((fraction - (double)(time_t)fraction) * 1e9);
  return pthread_timedjoin_np(thread, NULL, &until);
}
