// Gives its privileges up while it has threads of the library's and switches: setuid, setgid and setgroups have
// every thread do the same, and wait for it.
#include "program.h"

#include <grp.h>
#include <pthread.h>

static struct taking taken;
static int has_switched;

static void *switch_for_ever(void *unused) {
  for (int set = PARAVIRTUAL; !__atomic_load_n(&taken.stop, __ATOMIC_RELAXED); set = PARAVIRTUAL - set) {
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
  for (int i = 0; i < 3; i++) {
    pthread_create(&threads[i], NULL, i == 0 ? switch_for_ever : take_until_stopped, i == 0 ? NULL : &taken);
  }
  while (!__atomic_load_n(&has_switched, __ATOMIC_RELAXED)) usleep(10);
  for (int round = 0; round < 2000; round++) {
    require(setuid(getuid()) == 0 && setgid(group) == 0, "privileges are kept");
    // Refused to who has no privileges, but only after every thread was asked.
    (void)setgroups(1, &group);
  }
  __atomic_store_n(&taken.stop, 1, __ATOMIC_RELAXED);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  check_sites(program_current());
  return 0;
}
