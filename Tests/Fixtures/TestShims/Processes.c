#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "LockSites.h"
#include "TestShims.h"

// The one that a test may be waiting for.
static volatile pid_t newest_child;

static void hung(int signal) {
  // It may hang in its handlers of fork, before it has an alarm. Left alone it would keep open what
  // it has inherited, and whoever runs the tests waits for the end of that.
  if (newest_child > 0) kill(newest_child, SIGKILL);
  static const char message[] = "The deadline has passed: the test hangs.\n";
  ssize_t written = write(2, message, sizeof message - 1);
  (void)written;
  raise(signal);
}

void test_deadline(unsigned seconds) {
  struct sigaction action = {.sa_handler = hung, .sa_flags = SA_RESETHAND | SA_NODEFER};
  sigaction(SIGALRM, &action, NULL);
  // The thread that runs a test blocks it (libdispatch), and in a forked child there is no other.
  sigset_t alarms;
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
  alarm(seconds);
  // Every thread may hang in a handler that lets no signal in: that one cannot be kept out.
  static timer_t last_resort;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
  struct itimerspec when = {.it_value.tv_sec = seconds + 10};
  if (timer_create(CLOCK_MONOTONIC, &event, &last_resort) == 0) {
    timer_settime(last_resort, 0, &when, NULL);
  }
}

pid_t test_fork(void) {
  pid_t child = fork();
  // The alarm is not inherited.
  if (child == 0) {
    newest_child = 0;
    test_deadline(100);
  } else {
    newest_child = child;
  }
  return child;
}

int test_wait(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  newest_child = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

uint32_t test_thread_id(void) { return (uint32_t)gettid(); }

static _Bool install(struct sock_filter *program, size_t size) {
  struct sock_fprog filter = {(unsigned short)(size / sizeof *program), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 0;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0;
}

// if (number == call && argument == value) return EPERM
static _Bool forbid(int call, int argument, uint32_t value) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
               (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)argument)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return install(program, sizeof program);
}

_Bool test_forbid_protecting_text(void) { return forbid(SYS_mprotect, 2, PROT_READ | PROT_EXEC); }
_Bool test_forbid_barrier(int command) { return forbid(SYS_membarrier, 0, (uint32_t)command); }

_Bool test_forbid_writable_text(uintptr_t page) {
  uint32_t low = (uint32_t)page & ~4095u;
  // if (number == mprotect && (page == 0 || low half of address == low)
  //     && (protection & (WRITE|EXEC)) == (WRITE|EXEC)) return EACCES
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 6),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | (page == 0 ? BPF_JGE : BPF_JEQ) | BPF_K, low, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_WRITE | PROT_EXEC),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROT_WRITE | PROT_EXEC, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return install(program, sizeof program);
}

_Bool test_deny_write_and_execute(void) {
  enum { SET_MDWE = 65, REFUSE_EXEC_GAIN = 1 };
  return prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) == 0;
}

_Bool test_new_pid_namespace(void) { return unshare(CLONE_NEWPID) == 0; }

_Bool test_is_optimized(void) {
#ifdef __OPTIMIZE__
  return 1;
#else
  return 0;
#endif
}

// MARK: Ends of threads

static pthread_key_t key;
static uint32_t destructions;

static void destroy(void *lock) {
  __atomic_fetch_add(&destructions, 1, __ATOMIC_RELAXED);
  tidelock_process_core()->lock_slow((uintptr_t)lock);
  tidelock_unlock((uintptr_t)lock);
  // Until the C library has had enough (PTHREAD_DESTRUCTOR_ITERATIONS).
  pthread_setspecific(key, lock);
}

static void make_key(void) { pthread_key_create(&key, destroy); }

void test_lock_in_destructors(uintptr_t lock) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_key);
  pthread_setspecific(key, (void *)lock);
  // Before it ends, the thread has a record as every other one.
  tidelock_process_core()->lock_slow(lock);
  tidelock_unlock(lock);
}

uint32_t test_destructions(void) { return __atomic_load_n(&destructions, __ATOMIC_RELAXED); }

// MARK: Patch sites of this image

extern const struct tidelock_site __start_tidelock_sites[]
    __attribute__((weak, visibility("hidden")));
extern const struct tidelock_site __stop_tidelock_sites[]
    __attribute__((weak, visibility("hidden")));
extern struct tidelock_image tidelock_image __attribute__((visibility("hidden")));

size_t test_site_count(void) { return (size_t)(__stop_tidelock_sites - __start_tidelock_sites); }

uintptr_t test_site_address(size_t index) {
  const int32_t *field = &__start_tidelock_sites[index].site;
  return (uintptr_t)field + (uintptr_t)(intptr_t)*field;
}

void test_detach_image(void) { tidelock_process_core()->detach(&tidelock_image); }
void test_attach_image(void) { tidelock_process_core()->attach(&tidelock_image); }

int test_protect_text(uintptr_t address, size_t size, _Bool writable) {
  uintptr_t first = address & ~(uintptr_t)4095;
  uintptr_t last = (address + size + 4095) & ~(uintptr_t)4095;
  return mprotect((void *)first, last - first,
                  PROT_READ | PROT_EXEC | (writable ? PROT_WRITE : 0));
}

void test_write_bytes(uintptr_t address, uint64_t bytes, int count) {
  for (int i = 0; i < count; i++) ((volatile uint8_t *)address)[i] = (uint8_t)(bytes >> 8 * i);
}

uint64_t test_read_bytes(uintptr_t address, int count) {
  uint64_t bytes = 0;
  for (int i = 0; i < count; i++) bytes |= (uint64_t)((volatile uint8_t *)address)[i] << 8 * i;
  return bytes;
}
