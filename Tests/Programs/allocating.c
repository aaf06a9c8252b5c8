// An allocator that asks the loader (heap profilers and leak checkers do), while libraries come and go
// and the process switches: whoever allocates with the images' lock held waits for the loader, and the
// loader, which runs a constructor that attaches, for the images' lock.
#include "program.h"

#include <dlfcn.h>
#include <pthread.h>

extern void *__libc_malloc(size_t size);
static __thread int is_inside __attribute__((tls_model("initial-exec")));
static volatile int is_hooked, stop;
static volatile long calls;

void *malloc(size_t size) {
  if (is_hooked && !is_inside) {
    is_inside = 1;
    calls++;
    (void)*(void *volatile *)&(void *){dlsym(RTLD_DEFAULT, "malloc")};
    is_inside = 0;
  }
  return __libc_malloc(size);
}

static void *load(void *path) {
  while (!stop) {
    void *library = dlopen((const char *)path, RTLD_NOW | RTLD_LOCAL);
    require(library != NULL, "the library was not loaded");
    dlclose(library);
  }
  return NULL;
}

int main(int count, char **arguments) {
  static uint32_t lock;
  pthread_t loader;
  (void)count;
  tidelock_lock((uintptr_t)&lock);
  tidelock_unlock((uintptr_t)&lock);
  alarm(60);
  is_hooked = 1;
  pthread_create(&loader, NULL, load, arguments[1]);
  for (int round = 0; round < 2000; round++) {
    require(program_switch(round & 1 ? NATIVE : PARAVIRTUAL, round % 4 > 1) == 0,
            "a switch was refused");
  }
  stop = 1;
  pthread_join(loader, NULL);
  require(calls > 0, "the allocator was not called");
  return 0;
}
