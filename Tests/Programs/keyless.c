// A program that has taken every thread-specific key before the core could: locks work, and a switch is
// refused with a sentence of its own.
#include "program.h"

#include <pthread.h>

static uint32_t lock;
static long counter;

// Before the constructors of every library, the core's among them.
static void take_all_keys(void) {
  pthread_key_t key;
  while (pthread_key_create(&key, NULL) == 0) continue;
}
__attribute__((section(".preinit_array"), used)) static void (*first)(void) = take_all_keys;

static void *add(void *unused) {
  for (int i = 0; i < 10000; i++) {
    tidelock_lock((uintptr_t)&lock);
    counter++;
    tidelock_unlock((uintptr_t)&lock);
  }
  return unused;
}

int main(void) {
  pthread_t threads[4];
  alarm(60);
  require(program_switch(NATIVE, 0) == 1, "a switch that no thread can follow was not refused");
  require(program_current() == PARAVIRTUAL, "another set is in force");
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, add, NULL);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  require(counter == 40000 && lock == 0, "the lock does not work");
  return 0;
}
