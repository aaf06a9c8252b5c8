// Compiled with -DTIDELOCK_DEBUG: a thread that takes a lock again traps, in every set, and whoever takes
// others, tries, or comes from elsewhere goes on.
#include "program.h"

#include <signal.h>
#include <sys/wait.h>

static uint32_t first, second;

static void again(int set) {
  pid_t child = fork();
  if (child == 0) {
    // Should it wait instead.
    alarm(20);
    require(program_switch(set, 0) == 0, "a switch was refused");
    tidelock_lock((uintptr_t)&first);
    tidelock_lock((uintptr_t)&second);
    tidelock_lock((uintptr_t)&first);
    _exit(0);
  }
  int status;
  require(waitpid(child, &status, 0) == child, "no child");
  require(WIFSIGNALED(status) && WTERMSIG(status) == SIGILL, "a thread that takes a lock again goes on");
}

int main(void) {
  for (int set = NATIVE; set <= TEST_AND_SET; set++) again(set);
  for (int i = 0; i < 3; i++) {
    tidelock_lock((uintptr_t)&first);
    tidelock_lock((uintptr_t)&second);
    require(!tidelock_try_lock((uintptr_t)&first), "a lock that is held was taken");
    // Not in the order of their taking.
    tidelock_unlock((uintptr_t)&first);
    tidelock_unlock((uintptr_t)&second);
  }
  return 0;
}
