// Threads count under one lock while the process switches to each set and back.
//
//     cc -O2 counter.c $(pkg-config --cflags --libs tidelock) -pthread -o counter
#include <pthread.h>
#include <stdio.h>

#include <tidelock/tidelock.h>

enum { THREADS = 4, ROUNDS = 20000 };

static tidelock_spinlock lock = TIDELOCK_SPINLOCK_FREE;
static long count;

static void *work(void *unused) {
  for (int i = 0; i < ROUNDS; i++) {
    tidelock_spin_lock(&lock);
    count++;
    tidelock_spin_unlock(&lock);
  }
  return unused;
}

int main(void) {
  static const enum tidelock_set sets[] = {TIDELOCK_NATIVE, TIDELOCK_TEST_AND_SET,
                                           TIDELOCK_PARAVIRTUAL};
  pthread_t threads[THREADS];
  char words[1024];
  for (int i = 0; i < THREADS; i++) {
    if (pthread_create(&threads[i], NULL, work, NULL) != 0) return 1;
  }
  for (unsigned i = 0; i < sizeof sets / sizeof *sets; i++) {
    if (tidelock_switch(sets[i], words, sizeof words) != 0) {
      fprintf(stderr, "%s\n", words);
      return 1;
    }
    printf("%s\n", words);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  printf("%ld of %d, set %u\n", count, THREADS * ROUNDS, (unsigned)tidelock_current());
  return count == THREADS * ROUNDS && tidelock_current() == TIDELOCK_PARAVIRTUAL ? 0 : 1;
}
