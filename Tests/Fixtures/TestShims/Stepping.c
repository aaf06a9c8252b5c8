// Holds a thread in the middle of an unlock: between freeing the lock and waking the head of the
// queue. The processor's single-step flag gives a SIGTRAP after each instruction; the handler waits
// after the one that freed the lock.
#define _GNU_SOURCE
#include <signal.h>
#include <ucontext.h>

#include "LockSites.h"
#include "TestShims.h"
#include "UserSpaceShims.h"

#define TRAP_FLAG 0x100

void test_start_stepping(void);
__asm__(
    ".text\n"
    ".globl test_start_stepping\n"
    ".hidden test_start_stepping\n"
    ".type test_start_stepping, @function\n"
    "test_start_stepping:\n"
    "\tpushfq\n"
    "\torq $0x100, (%rsp)\n"
    "\tpopfq\n"
    "\tret\n"
    ".size test_start_stepping, . - test_start_stepping\n");

static uintptr_t stepped_lock;
static uint32_t is_held, may_go_on;

static void after_instruction(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  if (__atomic_load_n((uint8_t *)stepped_lock, __ATOMIC_RELAXED) != 0) return;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
  __atomic_store_n(&is_held, 1, __ATOMIC_RELEASE);
  while (!__atomic_load_n(&may_go_on, __ATOMIC_ACQUIRE)) tidelock_yield();
}

void test_unlock_in_two_halves(uintptr_t lock) {
  struct sigaction action = {.sa_sigaction = after_instruction, .sa_flags = SA_SIGINFO};
  stepped_lock = lock;
  is_held = may_go_on = 0;
  sigaction(SIGTRAP, &action, NULL);
  test_start_stepping();
  tidelock_unlock(lock);
}

_Bool test_is_between_halves(void) { return __atomic_load_n(&is_held, __ATOMIC_ACQUIRE); }
void test_go_on(void) { __atomic_store_n(&may_go_on, 1, __ATOMIC_RELEASE); }
