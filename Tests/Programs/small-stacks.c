// Threads whose handlers run on alternate stacks of the size that Limits.md names: three frames of
// signals, as large as the kernel says (AT_MINSIGSTKSZ), and 4 KiB. Below each is a page that nobody may
// touch. An argument is another size, in bytes above the three frames.
#include "program.h"

#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>

enum { THREADS = 3 };

static uint32_t locks[2];
static int stop, ready;
static size_t size;
static char *stacks[THREADS];

static void handle(int signal) {
  (void)signal;
  tidelock_lock((uintptr_t)&locks[1]);
  for (int i = 0; i < 200; i++) __asm__ volatile("pause");
  tidelock_unlock((uintptr_t)&locks[1]);
}

static void *work(void *number) {
  size_t page = 4096, mapped = (size + page - 1) / page * page;
  char *memory = mmap(NULL, mapped + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(memory != MAP_FAILED && mprotect(memory, page, PROT_NONE) == 0, "no memory");
  // Ends where the mapping does, so that it begins near the page.
  stack_t stack = {.ss_sp = memory + page + (mapped - size), .ss_size = size};
  memset(stack.ss_sp, 0x5a, size);
  require(sigaltstack(&stack, NULL) == 0, "no alternate stack");
  stacks[(long)number] = stack.ss_sp;
  __atomic_fetch_add(&ready, 1, __ATOMIC_RELEASE);
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    tidelock_lock((uintptr_t)&locks[0]);
    tidelock_unlock((uintptr_t)&locks[0]);
  }
  return NULL;
}

int main(int count, char **arguments) {
  pthread_t threads[THREADS];
  size_t most = 0, above = count > 1 ? (size_t)atoi(arguments[1]) : 4096;
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART | SA_ONSTACK};
  size = (3 * getauxval(AT_MINSIGSTKSZ) + above) & ~(size_t)15;
  alarm(100);
  sigaction(SIGUSR1, &action, NULL);
  for (long i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, (void *)i);
  while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) < THREADS) usleep(100);
  for (int turn = 0; turn < 180; turn++) {
    for (int i = 0; i < THREADS; i++) pthread_kill(threads[i], SIGUSR1);
    // A gathering may not be complete in time where handlers wait for each other.
    program_switch_using(turn % 3, turn / 3 % 3, turn / 9 % 2);
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; i++) {
    size_t untouched = 0;
    while (untouched < size && stacks[i][untouched] == 0x5a) untouched++;
    require(untouched > 0, "a stack was used to its end");
    if (size - untouched > most) most = size - untouched;
  }
  printf("%zu of %zu bytes, %zu of them for each frame\n", most, size, (size_t)getauxval(AT_MINSIGSTKSZ));
  switch_all_ways();
  return 0;
}
