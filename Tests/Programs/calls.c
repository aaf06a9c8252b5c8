// What a switch asks of the kernel, counted by a parent that traces it: as much for ten thousand sites as for
// a few. Two images have sites, this program and the library with the core. With an argument the kernel is
// made to answer no questions about mappings, as before Linux 6.11.
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#define TEN(what) what what what what what what what what what what

// Never called: sites that are there.
__attribute__((noinline, used)) void ten_thousand(uintptr_t lock) {
  TEN(TEN(TEN(TEN(tidelock_unlock(lock);))))
}

// A call that a switch does not make: what comes between two of them is counted.
static void mark(void) { syscall(SYS_getppid); }

// Linux 6.11's PROCMAP_QUERY.
#define QUERY _IOWR('f', 17, uint64_t[13])

static void become_old(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, QUERY, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  require(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "seccomp");
}

static int child(int is_old) {
  if (is_old) become_old();
  ptrace(PTRACE_TRACEME, 0, NULL, NULL);
  raise(SIGSTOP);
  for (int round = 0; round < 4; round++) {
    int set = round % 2 == 0 ? NATIVE : PARAVIRTUAL;
    mark();
    int result = program_switch(set, 0);
    mark();
    require(result == 0, "a switch was refused");
    check_sites(set);
  }
  return 0;
}

// Known if it is refused for what is asked here: the size 0.
static int answers_queries(void) {
  uint64_t query[13] = {0};
  int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  int is_known = ioctl(maps, QUERY, query) == 0 || errno != ENOTTY;
  close(maps);
  return is_known;
}

enum { CALLS = 512 };

static void check(int switches, const long *counts, int is_old) {
  int is_up = switches % 2 == 1;
  long all = 0;
  for (int call = 0; call < CALLS; call++) all += counts[call];
  printf("switch %d: %ld calls, of which protecting %ld, reading %ld, opening %ld\n", switches, all,
         counts[SYS_mprotect], counts[SYS_read], counts[SYS_openat]);
  // Two images, opened and closed; to native twice, since the text is tried before the gate is closed.
  require(counts[SYS_mprotect] == (is_up ? 4 : 8), "another number of calls that protect");
  require(counts[SYS_openat] == (is_up ? 1 : 2), "the mappings are opened more than once");
  if (is_old) {
    require(counts[SYS_read] > 0, "nothing is read of the mappings");
    return;
  }
  require(counts[SYS_read] == 0, "all mappings are read");
  // The first one registers what runs at exit.
  require(switches == 0 || all <= (is_up ? 20 : 30), "more calls than there should be");
}

int main(int count, char **arguments) {
  (void)arguments;
  int is_old = count > 1 || !answers_queries();
  pid_t traced = fork();
  require(traced >= 0, "fork");
  if (traced == 0) _exit(child(is_old));
  int status, signal = 0, is_inside = 0, is_entry = 0, switches = 0;
  long counts[CALLS] = {0};
  require(waitpid(traced, &status, 0) == traced && WIFSTOPPED(status), "the child does not stop");
  ptrace(PTRACE_SETOPTIONS, traced, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  for (;;) {
    require(ptrace(PTRACE_SYSCALL, traced, NULL, (void *)(long)signal) == 0, "ptrace");
    require(waitpid(traced, &status, 0) == traced, "waitpid");
    if (WIFEXITED(status)) break;
    require(WIFSTOPPED(status), "the child ends by a signal");
    signal = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
    if (signal != 0) continue;
    is_entry = !is_entry;
    if (!is_entry) continue;
    struct user_regs_struct registers;
    require(ptrace(PTRACE_GETREGS, traced, NULL, &registers) == 0, "the child's registers");
    if (registers.orig_rax == SYS_getppid) {
      is_inside = !is_inside;
      if (!is_inside) check(switches++, counts, is_old);
      memset(counts, 0, sizeof counts);
    } else if (registers.orig_rax < CALLS) {
      counts[registers.orig_rax]++;
    }
  }
  require(WEXITSTATUS(status) == 0 && switches == 4, "the child fails");
  return 0;
}
