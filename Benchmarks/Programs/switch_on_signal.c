// Switches the locks of a running program that knows nothing of it: the real-time signals SIGRTMIN + 1, 2
// and 3 ask for native, paravirtual and test-and-set. Linked into the program as it is.
//
// A switch blocks and so has no place in a signal handler: the handler wakes a thread that does it and
// writes the report, or why not, to standard error.
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <tidelock/tidelock.h>

static sem_t asked;
// Written by the handler before it posts, read by the thread after it waited.
static int wanted;

static void ask(int signal) {
  int error = errno;
  __atomic_store_n(&wanted, signal - SIGRTMIN - 1, __ATOMIC_RELAXED);
  sem_post(&asked);
  errno = error;
}

static void *carry_out(void *unused) {
  char words[4096];
  for (;;) {
    while (sem_wait(&asked) != 0) {}
    int set = __atomic_load_n(&wanted, __ATOMIC_RELAXED);
    int error;
    do {
      error = tidelock_switch((enum tidelock_set)set, words, sizeof words);
      fprintf(stderr, "tidelock: %s\n", words);
    } while (error == ETIMEDOUT || error == EAGAIN || error == EBUSY);
  }
  return unused;
}

__attribute__((constructor)) static void listen_for_signals(void) {
  struct sigaction action = {.sa_handler = ask, .sa_flags = SA_RESTART};
  sigset_t all, before;
  pthread_t thread;
  if (getenv("TIDELOCK_SWITCH_ON_SIGNAL") == NULL) return;
  sigfillset(&action.sa_mask);
  sem_init(&asked, 0, 0);
  // The thread takes no signals: those of the program are for its own threads.
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&thread, NULL, carry_out, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error != 0) {
    fprintf(stderr, "tidelock: no thread that switches on signals (error %d)\n", error);
    return;
  }
  for (int set = TIDELOCK_NATIVE; set <= TIDELOCK_TEST_AND_SET; set++) {
    sigaction(SIGRTMIN + 1 + set, &action, NULL);
  }
}
