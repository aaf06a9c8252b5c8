// A handler that interrupts the thread that switches forks, which waits for pokes.
#include "program.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static volatile int children;

static void handler(int number) {
  int status, error = errno;
  (void)number;
  pid_t child = fork();
  if (child == 0) _exit(program_current() > TEST_AND_SET);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  require(status == 0, "a child failed");
  children++;
  errno = error;
}

static void *interrupt(void *thread) {
  while (children < 300) {
    pthread_kill(*(pthread_t *)thread, SIGUSR1);
    usleep(200);
  }
  return NULL;
}

int main(void) {
  static uint32_t lock;
  pthread_t self = pthread_self(), thread;
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  tidelock_lock((uintptr_t)&lock);
  tidelock_unlock((uintptr_t)&lock);
  sigaction(SIGUSR1, &action, NULL);
  alarm(60);
  pthread_create(&thread, NULL, interrupt, &self);
  for (int set = PARAVIRTUAL; children < 300; set = PARAVIRTUAL - set) {
    require(program_switch(set, children & 1) == 0, "a switch was refused");
  }
  pthread_join(thread, NULL);
  return 0;
}
