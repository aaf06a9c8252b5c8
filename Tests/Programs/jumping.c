// A thread leaves a switch from a signal handler, by longjmp or for good; the next switch works, the text
// is as it was, nobody waits for it. So it is for a thread that ends over a wait for a lock: only that
// lock is lost, as a lock is that its holder never releases.
#include "program.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

static struct taking taken;
static int has_begun, ends;
static __thread sigjmp_buf start;
static __thread volatile sig_atomic_t may_jump;

static void leave(int signal) {
  (void)signal;
  if (!may_jump) return;
  if (__atomic_load_n(&ends, __ATOMIC_RELAXED)) pthread_exit(NULL);
  siglongjmp(start, 1);
}

static void *switch_for_ever(void *unused) {
  volatile int set = PARAVIRTUAL;
  sigsetjmp(start, 1);
  while (!__atomic_load_n(&taken.stop, __ATOMIC_RELAXED)) {
    // Neither allocates nor waits for anything of the C library, so it may be left.
    may_jump = 1;
    program_switch(set, 0);
    may_jump = 0;
    set = PARAVIRTUAL - set;
    __atomic_store_n(&has_begun, 1, __ATOMIC_RELAXED);
  }
  return unused;
}

static void *wait_for(void *held) {
  may_jump = 1;
  tidelock_lock((uintptr_t)held);
  return NULL;
}

static void check_process(void) {
  int status;
  pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, &status, 0);
  require(status == 0, "a child failed");
  switch_all_ways();
}

static void jump_out_of_switches(void) {
  pthread_t worker, switcher;
  pthread_create(&worker, NULL, take_until_stopped, &taken);
  pthread_create(&switcher, NULL, switch_for_ever, NULL);
  while (!__atomic_load_n(&has_begun, __ATOMIC_RELAXED)) usleep(10);
  for (int round = 0; round < 300; round++) {
    pthread_kill(switcher, SIGUSR1);
    usleep((useconds_t)(round * 37 % 400));
  }
  __atomic_store_n(&ends, 1, __ATOMIC_RELAXED);
  for (int round = 0; round < 10 && pthread_kill(switcher, SIGUSR1) == 0; round++) usleep(1000);
  __atomic_store_n(&taken.stop, 1, __ATOMIC_RELAXED);
  pthread_join(switcher, NULL);
  pthread_join(worker, NULL);
  check_process();
}

// Waits, ends, and leaves its number to nobody: a thread that got it would queue with a node that is
// still in the queue of another lock.
static void end_over_waits(void) {
  static uint32_t held[2], other;
  for (int set = NATIVE; set <= PARAVIRTUAL; set++) {
    pthread_t waiters[2], workers[4];
    require(program_switch(set, 0) == 0, "a switch was refused");
    tidelock_lock((uintptr_t)&held[set]);
    for (int i = 0; i < 2; i++) pthread_create(&waiters[i], NULL, wait_for, &held[set]);
    usleep(100000);
    for (int i = 0; i < 2; i++) {
      // Again, since the first may come before the thread waits and may be left.
      do {
        pthread_kill(waiters[i], SIGUSR1);
        usleep(1000);
      } while (pthread_tryjoin_np(waiters[i], NULL) != 0);
    }
    check_process();
    taken.lock = 0;
    __atomic_store_n(&taken.stop, 0, __ATOMIC_RELAXED);
    for (int i = 0; i < 4; i++) pthread_create(&workers[i], NULL, take_until_stopped, &taken);
    // Whoever has a node of those that ended is handed this lock, and not the one it waits for.
    tidelock_unlock((uintptr_t)&held[set]);
    usleep(100000);
    tidelock_lock((uintptr_t)&other);
    tidelock_unlock((uintptr_t)&other);
    __atomic_store_n(&taken.stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 4; i++) pthread_join(workers[i], NULL);
    check_process();
  }
}

int main(void) {
  struct sigaction action = {.sa_handler = leave, .sa_flags = SA_RESTART};
  alarm(100);
  sigaction(SIGUSR1, &action, NULL);
  switch_all_ways();
  jump_out_of_switches();
  end_over_waits();
  return 0;
}
