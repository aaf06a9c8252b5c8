// A timestamp counter that has jumped: the kernel makes the instruction fault for the calling thread, and
// the handler answers in its place. The C library's clock is left as it is.
#define _GNU_SOURCE
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <x86intrin.h>

#include "TestShims.h"

static int64_t jump;

static void answer(int signal, siginfo_t *info, void *context) {
  (void)info;
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const uint8_t *code = (const uint8_t *)registers[REG_RIP];
  _Bool is_rdtsc = code[0] == 0x0f && code[1] == 0x31;
  _Bool is_rdtscp = code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xf9;
  if (!is_rdtsc && !is_rdtscp) {
    // A fault of another kind; it comes again.
    struct sigaction fatal = {.sa_handler = SIG_DFL};
    sigaction(signal, &fatal, NULL);
    return;
  }
  unsigned processor;
  prctl(PR_SET_TSC, PR_TSC_ENABLE);
  uint64_t ticks = __rdtscp(&processor);
  prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
  uint64_t kernels = getauxval(AT_SYSINFO_EHDR);
  if ((uint64_t)registers[REG_RIP] - kernels >= 0x4000) ticks += (uint64_t)jump;
  registers[REG_RAX] = (greg_t)(ticks & 0xffffffff);
  registers[REG_RDX] = (greg_t)(ticks >> 32);
  if (is_rdtscp) registers[REG_RCX] = (greg_t)processor;
  registers[REG_RIP] += is_rdtsc ? 2 : 3;
}

_Bool test_jump_clock(int64_t ticks) {
  struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER};
  jump = ticks;
  return sigaction(SIGSEGV, &action, NULL) == 0 && prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0;
}
