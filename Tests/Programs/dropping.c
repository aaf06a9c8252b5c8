// Gives its privileges up while it has threads of the library's and switches: setuid, setgid and setgroups have
// every thread do the same, and wait for it.
#include "program.h"

#include <grp.h>
#include <pthread.h>

static uint32_t lock;
static int stop, has_switched;

static void *work(void *unused) {
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    tidelock_lock((uintptr_t)&lock);
    tidelock_unlock((uintptr_t)&lock);
  }
  return unused;
}

static void *switch_for_ever(void *unused) {
  for (int set = PARAVIRTUAL; !__atomic_load_n(&stop, __ATOMIC_RELAXED); set = PARAVIRTUAL - set) {
    program_switch(set, set == PARAVIRTUAL);
    __atomic_store_n(&has_switched, 1, __ATOMIC_RELAXED);
  }
  return unused;
}

int main(void) {
  pthread_t threads[3];
  gid_t group = getgid();
  alarm(60);
  // With a thread of the policy's, which TIDELOCK_SET=auto has started, and nothing else.
  require(setuid(getuid()) == 0 && setgid(group) == 0, "privileges are kept");
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, i == 0 ? switch_for_ever : work, NULL);
  while (!__atomic_load_n(&has_switched, __ATOMIC_RELAXED)) usleep(10);
  for (int round = 0; round < 2000; round++) {
    require(setuid(getuid()) == 0 && setgid(group) == 0, "privileges are kept");
    // Refused where there are no privileges, by every thread.
    if (setgroups(1, &group) != 0) continue;
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  check_sites(program_current());
  return 0;
}
