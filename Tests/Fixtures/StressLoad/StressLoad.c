#define _GNU_SOURCE
#include "StressLoad.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "LockSites.h"

#define MAX_THREADS 128
#define LOCKS 4

// A lock and what it guards: two counters that are equal whenever nobody is inside.
struct __attribute__((aligned(128))) guarded {
  uint32_t lock;
  volatile uint64_t first, second;
};

static struct guarded tables[LOCKS], levels[STRESS_LEVELS];
static const int signals[STRESS_LEVELS] = {0, SIGUSR1, SIGUSR2, SIGURG, SIGWINCH};

static atomic_bool stopping, switching, nests;
static atomic_uint_fast64_t violations, sections, came_and_went;
// By how many handlers were nested: sections that began during a switch by the fast path, and by the
// slow one.
static atomic_uint_fast64_t fast_in_switches[STRESS_LEVELS], slow_in_switches[STRESS_LEVELS];
static atomic_int targets_end, alive;
static atomic_int targets[MAX_THREADS];
static pthread_t workers[MAX_THREADS], others[8];
static int worker_count, churn_count, other_count;

static inline uint64_t next(uint64_t *random) {
  *random ^= *random << 13;
  *random ^= *random >> 7;
  return *random ^= *random << 17;
}

static inline void work(struct guarded *g, unsigned pauses) {
  uint64_t value = g->first;
  if (value != g->second) atomic_fetch_add(&violations, 1);
  g->first = value + 1;
  for (unsigned i = 0; i < pauses; i++) __builtin_ia32_pause();
  g->second = value + 1;
  atomic_fetch_add_explicit(&sections, 1, memory_order_relaxed);
}

// How many handlers are on the stack of this thread.
static __thread int depth;

static inline void lock(struct guarded *g) {
  _Bool is_free = tidelock_try_lock((uintptr_t)&g->lock);
  if (!is_free) tidelock_lock((uintptr_t)&g->lock);
  if (atomic_load_explicit(&switching, memory_order_relaxed)) {
    atomic_fetch_add(is_free ? &fast_in_switches[depth] : &slow_in_switches[depth], 1);
  }
}

static int self(void) { return (int)syscall(SYS_gettid); }

static void send(int tid, int level) { syscall(SYS_tgkill, getpid(), tid, signals[level]); }

// MARK: Handlers

// Signals travel in one chain: a handler sends the next one when it is done. With more at a time the
// handlers would wait for each other in a first-come queue, whose every step costs a time slice, and
// keep threads from their own work for good.
static atomic_int active;

static void send_somewhere(int level, unsigned turn) {
  int end = atomic_load(&targets_end);
  if (end > 0 && !atomic_load(&stopping)) send(atomic_load(&targets[turn % (unsigned)end]), level);
}

static void begin_handler(void) {
  if (depth++ == 0) atomic_fetch_add(&active, 1);
}

// Those that came from deeper in the same thread are not passed on.
static void end_handler(int level, unsigned turn) {
  if (--depth > 0) return;
  if (atomic_fetch_sub(&active, 1) == 1 && turn % 32 != 0) send_somewhere(level, turn);
}

// Begins a chain when there is none. Time does it, because time goes on while threads are held.
static void tick(int signal) {
  (void)signal;
  static atomic_uint turn;
  unsigned now = atomic_fetch_add(&turn, 1);
  if (atomic_load(&active) == 0) send_somewhere(1 + (int)(now / 5 % (STRESS_LEVELS - 1)), now);
}

// One for each level, so that each has patch sites of its own.
#define HANDLER(level)                                                                             \
  static void handle##level(int signal) {                                                          \
    (void)signal;                                                                                  \
    static atomic_uint turn;                                                                       \
    unsigned now = atomic_fetch_add(&turn, 1);                                                     \
    begin_handler();                                                                               \
    lock(&levels[level]);                                                                          \
    /* Deeper, with this lock held. */                                                             \
    if (level + 1 < STRESS_LEVELS && now % 4 != 0) send(self(), level + 1);                        \
    work(&levels[level], now % 8);                                                                 \
    tidelock_unlock((uintptr_t)&levels[level].lock);                                               \
    end_handler(level, now);                                                                       \
  }
HANDLER(1)
HANDLER(2)
HANDLER(3)
HANDLER(4)

static void install(void) {
  void (*const handlers[STRESS_LEVELS])(int) = {NULL, handle1, handle2, handle3, handle4};
  for (int level = 1; level < STRESS_LEVELS; level++) {
    struct sigaction action = {.sa_handler = handlers[level], .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (int below = 1; below <= level; below++) sigaddset(&action.sa_mask, signals[below]);
    sigaction(signals[level], &action, NULL);
  }
  struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGVTALRM, &action, NULL);
}

static void block(int how) {
  sigset_t set;
  sigemptyset(&set);
  for (int level = 1; level < STRESS_LEVELS; level++) sigaddset(&set, signals[level]);
  sigaddset(&set, SIGVTALRM);
  pthread_sigmask(how, &set, NULL);
}

// MARK: Threads

static void acquire_some(uint64_t *random) {
  unsigned one = next(random) % LOCKS, two = next(random) % LOCKS;
  if (one >= two) {
    lock(&tables[one]);
    work(&tables[one], next(random) % 16);
    tidelock_unlock((uintptr_t)&tables[one].lock);
  } else {
    // Two at a time, the first taken released first.
    lock(&tables[one]);
    lock(&tables[two]);
    work(&tables[one], next(random) % 16);
    work(&tables[two], next(random) % 16);
    tidelock_unlock((uintptr_t)&tables[one].lock);
    tidelock_unlock((uintptr_t)&tables[two].lock);
  }
  for (unsigned i = next(random) % 64; i > 0; i--) __builtin_ia32_pause();
  // Whoever is held in here must not be waited for by the one that switches.
  if (next(random) % 16 == 0) free(malloc(next(random) % 4096 + 1));
}

static void *run_worker(void *number) {
  uint64_t random = ((uint64_t)(uintptr_t)number + 1) * 0x9e3779b97f4a7c15u;
  atomic_store(&targets[(uintptr_t)number], self());
  block(atomic_load(&nests) ? SIG_UNBLOCK : SIG_BLOCK);
  atomic_fetch_add(&alive, 1);
  while (!atomic_load_explicit(&stopping, memory_order_relaxed)) acquire_some(&random);
  block(SIG_BLOCK);
  return NULL;
}

static void *run_briefly(void *seed) {
  uint64_t random = (uint64_t)(uintptr_t)seed | 1;
  block(SIG_BLOCK);
  for (int i = 0; i < 50; i++) acquire_some(&random);
  atomic_fetch_add(&came_and_went, 1);
  return NULL;
}

static void *run_churn(void *seed) {
  uint64_t random = (uint64_t)(uintptr_t)seed * 0x9e3779b97f4a7c15u | 1;
  block(SIG_BLOCK);
  while (!atomic_load(&stopping)) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_briefly, (void *)(uintptr_t)next(&random)) == 0) {
      pthread_join(thread, NULL);
    }
  }
  return NULL;
}

// Processes that come and go: each child takes and releases a lock of its own.
static void *run_fork(void *unused) {
  (void)unused;
  block(SIG_BLOCK);
  static struct guarded own;
  while (!atomic_load(&stopping)) {
    pid_t child = fork();
    if (child == 0) {
      alarm(60);
      for (int i = 0; i < 50; i++) {
        tidelock_lock((uintptr_t)&own.lock);
        tidelock_unlock((uintptr_t)&own.lock);
      }
      _exit(own.lock == 0 ? 0 : 1);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
      atomic_fetch_add(&violations, 1);
    }
    atomic_fetch_add(&came_and_went, 1);
    usleep(2000);
  }
  return NULL;
}

// Takes the handlers' locks where no handler runs: a handler may have to wait for a thread that is
// held.
static void *run_peer(void *unused) {
  (void)unused;
  block(SIG_BLOCK);
  uint64_t random = 88172645463325252u;
  while (!atomic_load(&stopping)) {
    struct guarded *g = &levels[1 + next(&random) % (STRESS_LEVELS - 1)];
    tidelock_lock((uintptr_t)&g->lock);
    work(g, 512);
    tidelock_unlock((uintptr_t)&g->lock);
    for (int i = 0; i < 64; i++) __builtin_ia32_pause();
  }
  return NULL;
}

void stress_start(int count, int churn, _Bool nested) {
  // Whoever started this may have left some blocked.
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
  install();
  block(SIG_BLOCK);
  atomic_store(&nests, nested);
  worker_count = count;
  churn_count = churn;
  for (uintptr_t i = 0; i < (uintptr_t)count; i++) {
    pthread_create(&workers[i], NULL, run_worker, (void *)i);
  }
  while (atomic_load(&alive) < count) sched_yield();
  for (uintptr_t i = 0; i < (uintptr_t)churn; i++) {
    pthread_create(&others[other_count++], NULL, run_churn, (void *)(i + 1));
  }
  if (churn > 0) pthread_create(&others[other_count++], NULL, run_fork, NULL);
  if (!nested) return;
  atomic_store(&targets[count], self());
  atomic_store(&targets_end, count + 1);
  pthread_create(&others[other_count++], NULL, run_peer, NULL);
  block(SIG_UNBLOCK);
  struct itimerval often = {{0, 1000}, {0, 1000}};
  setitimer(ITIMER_VIRTUAL, &often, NULL);
}

void stress_stop(void) {
  block(SIG_BLOCK);
  atomic_store(&stopping, 1);
  for (int i = 0; i < other_count; i++) pthread_join(others[i], NULL);
  for (int i = 0; i < worker_count; i++) pthread_join(workers[i], NULL);
}

void stress_set_switching(_Bool value) { atomic_store(&switching, value); }

uint64_t stress_violations(void) { return atomic_load(&violations); }
uint64_t stress_sections(void) { return atomic_load(&sections); }
uint64_t stress_fast_in_switches(int nested) { return atomic_load(&fast_in_switches[nested]); }
uint64_t stress_slow_in_switches(int nested) { return atomic_load(&slow_in_switches[nested]); }
uint64_t stress_threads(void) { return atomic_load(&came_and_went); }

int64_t stress_lost(void) {
  uint64_t sum = 0;
  for (int i = 0; i < LOCKS; i++) sum += tables[i].second;
  for (int i = 1; i < STRESS_LEVELS; i++) sum += levels[i].second;
  return (int64_t)(stress_sections() - sum);
}

// MARK: What makes a switch impossible

static atomic_bool ending;
static atomic_int ready;
static pthread_t special;
static int child_ends[2];

static void await_end(void) {
  atomic_store(&ready, self());
  while (!atomic_load(&ending)) usleep(1000);
}

static void *run_holder(void *unused) {
  (void)unused;
  tidelock_lock((uintptr_t)&tables[0].lock);
  // Until one of the workers waits behind it: the word is then more than a locked byte. The set is
  // still native, whose queue shows.
  while (__atomic_load_n((uint32_t *)&tables[0].lock, __ATOMIC_RELAXED) == 1) sched_yield();
  await_end();
  tidelock_unlock((uintptr_t)&tables[0].lock);
  return NULL;
}

static void *run_blocker(void *unused) {
  (void)unused;
  sigset_t all;
  sigfillset(&all);
  sigdelset(&all, SIGTRAP);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  await_end();
  return NULL;
}

static void *run_vfork(void *unused) {
  (void)unused;
  int me = self();
  pid_t child = vfork();
  if (child == 0) {
    // It shares the memory, and while it runs the parent is in the call.
    atomic_store(&ready, me);
    char byte;
    ssize_t got = read(child_ends[0], &byte, 1);
    _exit(got == 1 ? 0 : 1);
  }
  waitpid(child, NULL, 0);
  return NULL;
}

uint32_t stress_start_hindrance(enum stress_hindrance hindrance) {
  void *(*const bodies[])(void *) = {run_holder, run_blocker, run_vfork};
  atomic_store(&ending, 0);
  atomic_store(&ready, 0);
  if (pipe(child_ends) != 0) abort();
  pthread_create(&special, NULL, bodies[hindrance], NULL);
  while (atomic_load(&ready) == 0) sched_yield();
  return (uint32_t)atomic_load(&ready);
}

void stress_end_hindrance(void) {
  atomic_store(&ending, 1);
  if (write(child_ends[1], "", 1) != 1) abort();
  pthread_join(special, NULL);
  close(child_ends[0]);
  close(child_ends[1]);
}

extern const struct tidelock_site __start_tidelock_sites[] __attribute__((weak, visibility("hidden")));
extern const struct tidelock_site __stop_tidelock_sites[] __attribute__((weak, visibility("hidden")));

uint64_t stress_text(void) {
  uint64_t mixed = 14695981039346656037u;
  for (const struct tidelock_site *s = __start_tidelock_sites; s < __stop_tidelock_sites; s++) {
    const uint8_t *site = (const uint8_t *)&s->site + s->site;
    for (int i = 0; i < 8; i++) mixed = (mixed ^ site[i]) * 1099511628211u;
  }
  return mixed;
}
