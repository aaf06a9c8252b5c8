// What the benchmarks need of the machine and cannot say in Swift.
#ifndef BENCHMARK_SHIMS_H
#define BENCHMARK_SHIMS_H

#include <pthread.h>
#include <stdint.h>

/// The timestamp counter: the cheapest clock there is.
static inline __attribute__((always_inline)) uint64_t bench_timestamp(void) {
  return __builtin_ia32_rdtsc();
}

static inline __attribute__((always_inline)) void bench_pause(void) { __builtin_ia32_pause(); }

/// The compiler leaves memory accesses on the side they were written on.
static inline __attribute__((always_inline)) void bench_compiler_barrier(void) {
  __asm__ volatile("" : : : "memory");
}

/// Work that takes time in proportion to `steps`: a chain of multiplications, each of which needs
/// the one before. The empty assembly makes every step one that the compiler must take, and is a
/// compiler barrier too.
static inline __attribute__((always_inline)) uint64_t bench_work(uint64_t seed, uint32_t steps) {
  uint64_t value = seed;
  for (uint32_t step = 0; step < steps; step++) {
    value = value * 6364136223846793005u + 1442695040888963407u;
    __asm__ volatile("" : "+r"(value) : : "memory");
  }
  return value;
}

/// Work that fills a core: so many times twelve multiplications, none of which waits for another of its step.
void bench_multiply(uint32_t steps);

/// Sleeps while the word has this value, or for less long.
void bench_futex_wait(uint32_t *word, uint32_t value);
/// Wakes one thread that sleeps on the word.
void bench_futex_wake(uint32_t *word);

/// glibc's mutex that spins a while before it sleeps.
void bench_adaptive_mutex_init(pthread_mutex_t *mutex);

/// The CPUs that this process may use, at most `room` of them; returns how many there are.
int bench_usable_cpus(int *cpus, int room);
/// Keeps the calling thread on one CPU. 0, or an error number.
int bench_pin(int cpu);

/// Gives the calling thread the lowest of the ordinary priorities. 0, or an error number.
int bench_lowest_priority(void);

/// Waits for a thread to end, at most so long. 0, or an error number.
int bench_join(pthread_t thread, double seconds);

#endif
