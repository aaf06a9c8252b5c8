#include "SwitchStarter.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

// SwitchEveryTenMilliseconds.swift.
void switcher_run(void);

static void *run(void *unused) {
  switcher_run();
  return unused;
}

__attribute__((constructor)) static void start(void) {
  pthread_t thread;
  if (getenv("ADOPTERS_SWITCH") == NULL) return;
  if (pthread_create(&thread, NULL, run, NULL) != 0) {
    fputs("adopters: no thread to switch from\n", stderr);
    abort();
  }
}
