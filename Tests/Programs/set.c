// Starts in the set that the environment names. Arguments: the set in force, the set whose form the sites
// hold, and "sealed" for a start where no text can be written.
#include "program.h"

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
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  require(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "seccomp");
}

static void *add(void *unused) {
  for (int i = 0; i < 10000; i++) {
    tidelock_lock((uintptr_t)&lock);
    counter++;
    tidelock_unlock((uintptr_t)&lock);
  }
  return unused;
}

int main(int count, char **arguments) {
  pthread_t threads[4];
  if (count > 3) {
    arguments[3] = NULL;
    seal();
    execv(arguments[0], arguments);
    require(0, "exec");
  }
  alarm(30);
  require(program_current() == atoi(arguments[1]), "another set is in force");
  check_sites(atoi(arguments[2]));
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, add, NULL);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  require(counter == 40000 && lock == 0, "the lock does not work");
  return 0;
}
