#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "RawSystemCall.h"
#include "UserSpaceShims.h"

#define call tidelock_call

// A signal, a wake-up and a word that has changed already all end the wait: the caller looks again.
void tidelock_futex_wait(uintptr_t word, uint32_t value) {
  call(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, (long)value, 0);
}

void tidelock_futex_wake(uintptr_t word) {
  call(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, 1, 0);
}

void tidelock_yield(void) { call(SYS_sched_yield, 0, 0, 0, 0); }

void tidelock_sleep(uint64_t nanoseconds) {
  struct timespec time = {(time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000)};
  call(SYS_nanosleep, (long)&time, 0, 0, 0);
}

uint32_t tidelock_tid(void) { return (uint32_t)call(SYS_gettid, 0, 0, 0, 0); }

uint64_t tidelock_nanoseconds(void) {
  struct timespec time;
  // Cannot fail for this clock, so errno stays.
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int tidelock_barrier_register(void) {
  long result = call(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0);
  if (result != 0) return (int)result;
  return (int)call(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0, 0);
}

int tidelock_barrier(void) {
  return (int)call(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0, 0);
}

int tidelock_barrier_sync_core(void) {
  return (int)call(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0, 0);
}

int tidelock_protect(uintptr_t low, uintptr_t high, int protection) {
  return (int)call(SYS_mprotect, (long)low, (long)(high - low), protection, 0);
}

uintptr_t tidelock_map(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? 0 : (uintptr_t)memory;
}

void tidelock_block_signals(uint64_t *saved) {
  uint64_t all = ~(uint64_t)0;
  call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)saved, sizeof all);
}

void tidelock_restore_signals(const uint64_t *saved) {
  call(SYS_rt_sigprocmask, SIG_SETMASK, (long)saved, 0, sizeof *saved);
}

uint64_t tidelock_blocked_signals(void) {
  uint64_t now = 0;
  call(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&now, sizeof now);
  return now;
}

void tidelock_unmap(uintptr_t memory, size_t size) { munmap((void *)memory, size); }
