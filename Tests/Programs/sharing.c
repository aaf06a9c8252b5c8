// Forks while a thread waits for a lock in memory of every kind, and looks at the word from both sides:
// the child may touch what is its own copy, and nothing else. With "sealed" it has no /proc to ask.
#include "program.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static void *take(void *word) {
  tidelock_lock((uintptr_t)word);
  tidelock_unlock((uintptr_t)word);
  return NULL;
}

// flags: of mmap. advice: of madvise, or 0.
static void look(int flags, int advice, int is_inherited) {
  uint32_t *word = (uint32_t *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  pthread_t thread;
  int status;
  require(word != MAP_FAILED, "mmap");
  require(advice == 0 || madvise(word, 4096, advice) == 0, "madvise");
  tidelock_lock((uintptr_t)word);
  pthread_create(&thread, NULL, take, word);
  // The byte says that the head of the queue sleeps, or is about to.
  while (*(volatile uint8_t *)word != 3) sched_yield();
  uint32_t queued = *(volatile uint32_t *)word;
  require(queued >> 16 != 0, "nobody is queued");
  pid_t child = fork();
  if (child == 0) {
    // Of its own copy only the holder is left; and that can be taken and released.
    if (is_inherited && *(volatile uint32_t *)word > 1) _exit(1);
    if (is_inherited && *word == 1) tidelock_unlock((uintptr_t)word);
    if (is_inherited) take(word);
    _exit(0);
  }
  require(waitpid(child, &status, 0) == child && status == 0, "the child failed");
  require(*(volatile uint32_t *)word == queued, "the child touched its parent's lock");
  tidelock_unlock((uintptr_t)word);
  pthread_join(thread, NULL);
  require(*word == 0, "the lock is not free");
}

int main(int count, char **arguments) {
  (void)arguments;
  if (count > 1) {
    // In a mount namespace of its own; where that is not allowed there is nothing to test.
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return 0;
    if (mount("none", "/proc", "tmpfs", 0, NULL) != 0) return 0;
    require(access("/proc/self/maps", R_OK) != 0, "/proc is still there");
  }
  alarm(60);
  require(program_current() == PARAVIRTUAL, "a program does not start in paravirtual");
  look(MAP_PRIVATE, 0, 1);
  look(MAP_PRIVATE, MADV_WIPEONFORK, 1);
  look(MAP_PRIVATE, MADV_DONTFORK, 0);
  look(MAP_SHARED, 0, 0);
  return 0;
}
