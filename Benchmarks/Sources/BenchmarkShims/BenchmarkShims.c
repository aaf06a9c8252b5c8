#define _GNU_SOURCE
#include "BenchmarkShims.h"

#include <sched.h>
#include <string.h>
#include <time.h>

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

int bench_join(pthread_t thread, double seconds) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  double fraction = (double)until.tv_nsec * 1e-9 + seconds;
  until.tv_sec += (time_t)fraction;
  until.tv_nsec = (long)((fraction - (double)(time_t)fraction) * 1e9);
  return pthread_timedjoin_np(thread, NULL, &until);
}
