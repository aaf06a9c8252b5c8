// What a switch asks of the kernel, counted by a parent that traces it: as much for ten thousand sites as for
// a few. Two images have sites, this program and the library with the core.
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
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

static int child(void) {
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

// Linux 6.11's PROCMAP_QUERY: known if it is refused for what is asked here, the size 0.
static int answers_queries(void) {
  uint64_t query[13] = {0};
  int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  int result = ioctl(maps, _IOWR('f', 17, query), query);
  int isKnown = result == 0 || errno != ENOTTY;
  close(maps);
  return isKnown;
}

enum { CALLS = 512 };

static void check(int switches, const long *counts) {
  int isUp = switches % 2 == 1;
  long all = 0;
  for (int call = 0; call < CALLS; call++) all += counts[call];
  printf("switch %d: %ld calls, of which protecting %ld, reading %ld, opening %ld\n", switches, all,
         counts[SYS_mprotect], counts[SYS_read], counts[SYS_openat]);
  // Two images, opened and closed; to native twice, since the text is tried before the gate is closed.
  require(counts[SYS_mprotect] == (isUp ? 4 : 8), "another number of calls that protect");
  require(counts[SYS_openat] == (isUp ? 1 : 2), "the mappings are opened more than once");
  if (!answers_queries()) return;
  require(counts[SYS_read] == 0, "all mappings are read");
  // The first one registers what runs at exit.
  require(switches == 0 || all <= (isUp ? 20 : 30), "more calls than there should be");
}

int main(void) {
  pid_t traced = fork();
  require(traced >= 0, "fork");
  if (traced == 0) _exit(child());
  int status, signal = 0, isInside = 0, isEntry = 0, switches = 0;
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
    isEntry = !isEntry;
    if (!isEntry) continue;
    struct user_regs_struct registers;
    require(ptrace(PTRACE_GETREGS, traced, NULL, &registers) == 0, "the child's registers");
    if (registers.orig_rax == SYS_getppid) {
      isInside = !isInside;
      if (!isInside) check(switches++, counts);
      memset(counts, 0, sizeof counts);
    } else if (registers.orig_rax < CALLS) {
      counts[registers.orig_rax]++;
    }
  }
  require(WEXITSTATUS(status) == 0 && switches == 4, "the child fails");
  return 0;
}
