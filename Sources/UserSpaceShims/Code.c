#define _GNU_SOURCE
#include <string.h>
#include <ucontext.h>

#include "UserSpaceShims.h"

#define NO_TSAN __attribute__((no_sanitize("thread")))

NO_TSAN void tidelock_store_code(uintptr_t address, uint8_t byte) {
  *(volatile uint8_t *)address = byte;
}

NO_TSAN uint64_t tidelock_load_code(uintptr_t address, int count) {
  uint64_t bytes = 0;
  for (int i = 0; i < count; i++) {
    bytes |= (uint64_t) * (volatile const uint8_t *)(address + (uintptr_t)i) << (8 * i);
  }
  return bytes;
}

uintptr_t tidelock_trap_instruction(const void *context) {
  return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

uintptr_t tidelock_trap_argument(const void *context) {
  return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RDI];
}

void tidelock_trap_resume(void *context, uintptr_t instruction) {
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)instruction;
}

void tidelock_core_trap(int signal, siginfo_t *info, void *context);

int tidelock_trap_install(void) {
  struct sigaction now;
  if (sigaction(SIGTRAP, NULL, &now) != 0) return -1;
  if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == tidelock_core_trap) return 0;
  // NODEFER: another signal's handler that runs over ours may meet a breakpoint as well.
  struct sigaction ours = {.sa_sigaction = tidelock_core_trap,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART};
  sigemptyset(&ours.sa_mask);
  tidelock_state_.chained_trap = now;
  if (!tidelock_state_.has_first_trap) {
    tidelock_state_.first_trap = now;
    tidelock_state_.has_first_trap = 1;
  }
  return sigaction(SIGTRAP, &ours, NULL);
}

// The breakpoint that this thread is passing on.
static __thread const void *passing __attribute__((tls_model("initial-exec")));

void tidelock_trap_chain(int signal, siginfo_t *info, void *context) {
  // A handler that came after ours takes ours for the one before it and may pass it back; ours has
  // been put in front of it since. Then whoever was there first is next.
  struct sigaction before =
      passing == context ? tidelock_state_.first_trap : tidelock_state_.chained_trap;
  if (!(before.sa_flags & SA_SIGINFO) &&
      (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN)) {
    // The default action ends the process (an ignored trap does too: the kernel insists).
    struct sigaction fatal = {.sa_handler = SIG_DFL};
    sigaction(SIGTRAP, &fatal, NULL);
    raise(SIGTRAP);
    return;
  }
  sigset_t saved;
  pthread_sigmask(SIG_BLOCK, &before.sa_mask, &saved);
  const void *outer = passing;
  passing = context;
  if (before.sa_flags & SA_SIGINFO) {
    before.sa_sigaction(signal, info, context);
  } else {
    before.sa_handler(signal);
  }
  passing = outer;
  pthread_sigmask(SIG_SETMASK, &saved, NULL);
}
