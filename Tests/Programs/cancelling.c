// Threads that switch are cancelled, at any place and as threads are by default: the next switch
// works, the text is as it was, nobody waits for them.
#include "program.h"

#include <pthread.h>
#include <sys/wait.h>

static struct taking taken;
static int has_begun;

static void *switch_for_ever(void *method) {
  for (int set = PARAVIRTUAL; !taken.stop; set = PARAVIRTUAL - set) {
    program_switch(set, method != NULL);
    __atomic_store_n(&has_begun, 1, __ATOMIC_RELAXED);
    // Between two switches, and nowhere else.
    pthread_testcancel();
  }
  return NULL;
}

static int writable_text(void) {
  char line[512];
  int count = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps) != NULL) count += strstr(line, "rwxp") != NULL;
  fclose(maps);
  return count;
}

int main(void) {
  pthread_t worker, switcher;
  alarm(60);
  pthread_create(&worker, NULL, take_until_stopped, &taken);
  for (int round = 0; round < 60; round++) {
    void *result;
    __atomic_store_n(&has_begun, 0, __ATOMIC_RELAXED);
    pthread_create(&switcher, NULL, switch_for_ever, round & 1 ? &taken : NULL);
    while (!__atomic_load_n(&has_begun, __ATOMIC_RELAXED)) usleep(10);
    usleep((useconds_t)(round * 37 % 400));
    pthread_cancel(switcher);
    pthread_join(switcher, &result);
    require(result == PTHREAD_CANCELED, "a thread was not cancelled");
    require(writable_text() == 0, "text was left writable");
    require(program_switch(round & 1 ? PARAVIRTUAL : NATIVE, 0) == 0, "a switch was refused");
    check_sites(program_current());
    int status;
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, &status, 0);
    require(status == 0, "a child failed");
  }
  __atomic_store_n(&taken.stop, 1, __ATOMIC_RELAXED);
  pthread_join(worker, NULL);
  return 0;
}
