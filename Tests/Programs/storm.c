// Switches by every protocol beside all that threads and processes do: load and unload libraries, fork,
// vfork, posix_spawn, be cancelled, end, take signals. Argument: for how many seconds.
//
// Locks must stay exclusive, switches must go on, and in the end everything is as it was.
#include "program.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

enum { LOCKS = 4, WORKERS = 4 };

static struct {
  _Alignas(128) uint32_t lock;
  volatile long first, second;
} tables[LOCKS], signalled;

static int stop;
static long done, refused, loads, forks, ends, cancelled, handled;
static pthread_t workers[WORKERS];

static int is_stopped(void) { return __atomic_load_n(&stop, __ATOMIC_RELAXED); }
static void count(long *what) { __atomic_fetch_add(what, 1, __ATOMIC_RELAXED); }

// Two counters that are equal whenever nobody is inside.
#define SECTION(table)                                                                             \
  do {                                                                                             \
    tidelock_lock((uintptr_t)&(table)->lock);                                                      \
    require((table)->first == (table)->second, "two threads had one lock");                        \
    (table)->first++;                                                                              \
    (table)->second++;                                                                             \
    tidelock_unlock((uintptr_t)&(table)->lock);                                                    \
  } while (0)

static void handle(int signal) {
  (void)signal;
  SECTION(&signalled);
  count(&handled);
}

static void *work(void *number) {
  while (!is_stopped()) {
    for (int i = 0; i < 100; i++) SECTION(&tables[i % LOCKS]);
    // Some never rest, or nobody would wait where many switches are; all, and in native nothing else
    // would get on where there are more threads than processors.
    if ((long)number != 0) usleep(300);
  }
  return NULL;
}

static void *end_soon(void *number) {
  long turns = (long)number % 5;
  for (long i = 0; i < turns; i++) SECTION(&tables[i % LOCKS]);
  return NULL;
}

static void *work_until_cancelled(void *unused) {
  for (unsigned i = 0; !is_stopped(); i++) {
    SECTION(&tables[i % LOCKS]);
    pthread_testcancel();
  }
  return unused;
}

static void *switch_all(void *unused) {
  for (unsigned turn = 0; !is_stopped(); turn++) {
    // A thread in vfork, or a burst of signals, may keep a gathering from being complete in time.
    int result = program_switch_using((int)(turn % 3), (int)(turn / 3 % 3), (int)(turn / 9 % 2));
    count(result == 0 ? &done : &refused);
  }
  return unused;
}

static void *load(void *path) {
  while (!is_stopped()) {
    void *library = dlopen(path, RTLD_NOW);
    require(library != NULL, "a library was not loaded");
    void (*add)(uint32_t *, long *) = (void (*)(uint32_t *, long *))dlsym(library, "plain_add");
    static uint32_t lock;
    static long counter;
    for (int i = 0; i < 20; i++) add(&lock, &counter);
    dlclose(library);
    count(&loads);
  }
  return NULL;
}

static int wait_for(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0) require(errno == EINTR, "no child");
  return status;
}

static void child_of_fork(void) {
  static uint32_t lock;
  tidelock_lock((uintptr_t)&lock);
  tidelock_unlock((uintptr_t)&lock);
  _exit(program_switch(PARAVIRTUAL, 0) != 0 || program_switch(NATIVE, 0) != 0);
}

static void *start_processes(void *unused) {
  char *arguments[] = {"true", NULL};
  // In memory: vfork returns twice.
  for (volatile unsigned turn = 0; !is_stopped(); turn++) {
    pid_t child = -1;
    switch (turn % 3) {
      case 0:
        child = fork();
        if (child == 0) child_of_fork();
        break;
      case 1:
        child = vfork();
        if (child == 0) _exit(0);
        break;
      case 2: require(posix_spawn(&child, "/bin/true", NULL, NULL, arguments, NULL) == 0, "posix_spawn");
    }
    require(wait_for(child) == 0, "a child failed");
    count(&forks);
  }
  return unused;
}

static void *come_and_go(void *unused) {
  for (long turn = 0; !is_stopped(); turn++) {
    pthread_t thread;
    void *result;
    int is_cancelled = turn % 4 == 0;
    if (pthread_create(&thread, NULL, is_cancelled ? work_until_cancelled : end_soon,
                       (void *)turn) != 0) {
      continue;
    }
    if (is_cancelled) pthread_cancel(thread);
    pthread_join(thread, &result);
    count(result == PTHREAD_CANCELED ? &cancelled : &ends);
  }
  return unused;
}

static void *send_signals(void *unused) {
  for (unsigned turn = 0; !is_stopped(); turn++) {
    pthread_kill(workers[turn % WORKERS], SIGUSR1);
    usleep(500);
  }
  return unused;
}

int main(int count, char **arguments) {
  unsigned seconds = count > 2 ? (unsigned)atoi(arguments[2]) : 10;
  void *(*const others[])(void *) = {switch_all, load, start_processes, come_and_go, send_signals};
  pthread_t threads[sizeof others / sizeof *others];
  struct timespec end;
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
  require(count > 1, "which library?");
  alarm(seconds + 100);
  switch_all_ways();
  sigaction(SIGUSR1, &action, NULL);
  for (long i = 0; i < WORKERS; i++) pthread_create(&workers[i], NULL, work, (void *)i);
  for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
    pthread_create(&threads[i], NULL, others[i], others[i] == load ? arguments[1] : NULL);
  }
  // Until a time, not for one: each switch that gathers this thread interrupts its sleep.
  require(clock_gettime(CLOCK_MONOTONIC, &end) == 0, "the clock");
  end.tv_sec += seconds;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR) continue;
  // On a slow machine for longer; the alarm ends it.
  while (!__atomic_load_n(&done, __ATOMIC_RELAXED) || !__atomic_load_n(&loads, __ATOMIC_RELAXED) ||
         !__atomic_load_n(&forks, __ATOMIC_RELAXED) || !__atomic_load_n(&ends, __ATOMIC_RELAXED) ||
         !__atomic_load_n(&cancelled, __ATOMIC_RELAXED) || !__atomic_load_n(&handled, __ATOMIC_RELAXED)) {
    usleep(1000);
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (unsigned i = 0; i < sizeof others / sizeof *others; i++) pthread_join(threads[i], NULL);
  for (unsigned i = 0; i < WORKERS; i++) pthread_join(workers[i], NULL);
  for (unsigned i = 0; i < LOCKS; i++) require(tables[i].lock == 0, "a lock is not free");
  printf("%ld switches, %ld refused or undone, %ld libraries, %ld processes, %ld threads ended, %ld cancelled, "
         "%ld signals\n", done, refused, loads, forks, ends, cancelled, handled);
  require(refused <= done / 10 + 3, "too many switches were refused or undone");
  require(program_switch(NATIVE, 0) == 0, "a switch was refused");
  switch_all_ways();
  return 0;
}
