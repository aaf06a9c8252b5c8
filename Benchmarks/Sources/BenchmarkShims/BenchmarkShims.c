#define _GNU_SOURCE
#include "BenchmarkShims.h"

#include <cpuid.h>
#include <sched.h>
#include <signal.h>
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

void bench_cpu_name(char *name) {
  unsigned int registers[12];
  memset(name, 0, 49);
  if (__get_cpuid_max(0x80000000u, NULL) < 0x80000004u) return;
  for (unsigned int leaf = 0; leaf < 3; leaf++) {
    unsigned int *part = registers + 4 * leaf;
    __cpuid(0x80000002u + leaf, part[0], part[1], part[2], part[3]);
  }
  memcpy(name, registers, 48);
}

void bench_hypervisor_name(char *name) {
  unsigned int eax, ebx, ecx, edx;
  memset(name, 0, 13);
  __cpuid(1, eax, ebx, ecx, edx);
  if ((ecx & (1u << 31)) == 0) return;
  __cpuid(0x40000000u, eax, ebx, ecx, edx);
  memcpy(name, &ebx, 4);
  memcpy(name + 4, &ecx, 4);
  memcpy(name + 8, &edx, 4);
}

static volatile sig_atomic_t interrupted;

static void note(int signal) { interrupted = signal; }

void bench_catch_interrupts(void) {
  // No SA_RESTART: a sleep ends at once.
  struct sigaction action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

int bench_interrupted(void) { return interrupted; }

void bench_block_interrupts(int block) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

int bench_join(pthread_t thread, double seconds) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  double fraction = (double)until.tv_nsec * 1e-9 + seconds;
  until.tv_sec += (time_t)fraction;
  until.tv_nsec = (long)((fraction - (double)(time_t)fraction) * 1e9);
  return pthread_timedjoin_np(thread, NULL, &until);
}
