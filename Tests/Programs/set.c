// Starts in the set that the environment names. Arguments: the set in force, the set whose form the sites
// hold, and "sealed" for a start where no text can be written, "alone" for one where no thread can be had,
// or how many threads there are at the start.
#include "program.h"

#include <dirent.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static uint32_t lock;
static long counter;

static void install(struct sock_filter *code, size_t count) {
  struct sock_fprog program = {(unsigned short)count, code};
  require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  require(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "seccomp");
}

// Has the kernel refuse mprotect that allows writing and executing, from now on and after exec.
static void seal(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_WRITE | PROT_EXEC),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROT_WRITE | PROT_EXEC, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
  };
  install(code, sizeof code / sizeof *code);
}

// Has it refuse every thread, as a limit does.
static void forbid_threads(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  install(code, sizeof code / sizeof *code);
}

// So few that native locks get them done with more threads than CPUs, at one for each time slice.
enum { TIMES = 500 };

static void *add(void *unused) {
  for (int i = 0; i < TIMES; i++) {
    tidelock_lock((uintptr_t)&lock);
    counter++;
    tidelock_unlock((uintptr_t)&lock);
  }
  return unused;
}

static int threads_running(void) {
  int found = 0;
  struct dirent *entry;
  DIR *tasks = opendir("/proc/self/task");
  require(tasks != NULL, "/proc/self/task");
  while ((entry = readdir(tasks)) != NULL) found += entry->d_name[0] != '.';
  closedir(tasks);
  return found;
}

int main(int count, char **arguments) {
  pthread_t threads[4];
  int started = 0;
  if (count > 3 && atoi(arguments[3]) == 0) {
    if (strcmp(arguments[3], "alone") == 0) {
      arguments[3] = "1";
      forbid_threads();
    } else {
      arguments[3] = NULL;
      seal();
    }
    execv(arguments[0], arguments);
    require(0, "exec");
  }
  alarm(30);
  if (count > 3) require(threads_running() == atoi(arguments[3]), "another number of threads");
  require(program_current() == atoi(arguments[1]), "another set is in force");
  check_sites(atoi(arguments[2]));
  for (int i = 0; i < 4; i++) {
    if (pthread_create(&threads[started], NULL, add, NULL) == 0) started++;
    else add(NULL);
  }
  while (started > 0) pthread_join(threads[--started], NULL);
  require(counter == 4 * TIMES && lock == 0, "the lock does not work");
  return 0;
}
