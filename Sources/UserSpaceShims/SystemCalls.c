#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "RawSystemCall.h"
#include "UserSpaceShims.h"

#define call tidelock_call

// A signal, a wake-up and a word that has changed already all end the wait: the caller looks again.
// So does time. A site that no switch reaches (executed before its image attached, or after it was
// let go) unlocks without waking; whoever sleeps then must not do so for ever. All threads together
// look in vain ten thousand times a second at most.
void tidelock_futex_wait(uintptr_t word, uint32_t value) {
  uint64_t threads = __atomic_load_n(&tidelock_state_.thread_end, __ATOMIC_RELAXED);
  uint64_t nanoseconds = 100000 * (threads > 1000 ? threads : 1000);
  struct timespec time = {(time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000)};
  call(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, (long)value, (long)&time);
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

// Not the C library's, in whose place an allocator may have put a function of its own.
uintptr_t tidelock_map(size_t size) {
  long memory = tidelock_call6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory < 0 && memory >= -4095 ? 0 : (uintptr_t)memory;
}

void tidelock_block_signals(uint64_t *saved) {
  uint64_t all = ~(uint64_t)0;
  call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)saved, sizeof all);
}

uint64_t tidelock_most_signals(void) {
#define BIT(signal) ((uint64_t)1 << ((signal) - 1))
  // The C library's second own signal, by which setuid, setgroups and their like have every thread do what
  // the kernel does for one thread only. They wait until each has.
  enum { SIGSETXID = 33 };
  return ~(BIT(SIGTRAP) | BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGSYS) |
           BIT(SIGSETXID));
}

void tidelock_block_most_signals(uint64_t *saved) {
  uint64_t most = tidelock_most_signals();
  call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&most, (long)saved, sizeof most);
}

void tidelock_restore_signals(const uint64_t *saved) {
  call(SYS_rt_sigprocmask, SIG_SETMASK, (long)saved, 0, sizeof *saved);
}

uint64_t tidelock_blocked_signals(void) {
  uint64_t now = 0;
  call(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&now, sizeof now);
  return now;
}

void tidelock_unmap(uintptr_t memory, size_t size) {
  call(SYS_munmap, (long)memory, (long)size, 0, 0);
}

// The kernel makes a second mapping of old size 0 of what is shared, refuses to of what is private
// (EINVAL), and does not find what is not there (EFAULT). The first that it refuses since it was booted
// it tells its log.
_Bool tidelock_is_own_copy(uintptr_t address) {
  long page = (long)(address & ~(uintptr_t)4095);
  long memory = tidelock_call6(SYS_mremap, page, 0, 4096, MREMAP_MAYMOVE, 0, 0);
  if (memory < 0 && memory >= -4095) return memory == -EINVAL;
  tidelock_unmap((uintptr_t)memory, 4096);
  return 0;
}

int tidelock_open(const char *path) {
  return (int)call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
}

ssize_t tidelock_read(int file, void *buffer, size_t size) {
  long got;
  do {
    got = call(SYS_read, file, (long)buffer, (long)size, 0);
  } while (got == -EINTR);
  return got;
}

int tidelock_rewind(int file) { return (int)call(SYS_lseek, file, 0, SEEK_SET, 0); }

// PROCMAP_QUERY in linux/fs.h, which headers before Linux 6.11 lack.
struct mapping_query {
  uint64_t size, flags, address, low, high, about, page_size, offset, inode;
  uint32_t major, minor, name_size, build_id_size;
  uint64_t name, build_id;
};
enum { READABLE = 1, WRITABLE = 2, EXECUTABLE = 4, SHARED = 8, COVERING_OR_NEXT = 16 };

int tidelock_find_mapping(int maps, uintptr_t address, struct tidelock_mapping *mapping) {
  struct mapping_query query = {
      .size = sizeof query, .flags = COVERING_OR_NEXT, .address = address};
  long result =
      call(SYS_ioctl, maps, (long)_IOWR('f', 17, struct mapping_query), (long)&query, 0);
  if (result == -ENOENT) return 0;
  if (result != 0) return (int)result;
  mapping->low = query.low;
  mapping->high = query.high;
  mapping->protection = (query.about & READABLE ? PROT_READ : 0) |
                        (query.about & WRITABLE ? PROT_WRITE : 0) |
                        (query.about & EXECUTABLE ? PROT_EXEC : 0);
  mapping->is_shared = (query.about & SHARED) != 0;
  return 1;
}

void tidelock_close(int file) { call(SYS_close, file, 0, 0, 0); }

void tidelock_say(const char *text, size_t length) {
  long result;
  while (length > 0 && ((result = call(SYS_write, 2, (long)text, (long)length, 0)) > 0 ||
                        result == -EINTR)) {
    if (result < 0) continue;
    text += result;
    length -= (size_t)result;
  }
}
