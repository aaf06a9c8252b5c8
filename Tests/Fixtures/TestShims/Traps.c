// Breakpoints that are not Tidelock's, and their handlers.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <ucontext.h>

#include "TestShims.h"

void test_trap_execute(void);
extern const char test_trap_behind[];

__asm__(
    ".text\n"
    ".globl test_trap_execute\n"
    ".type test_trap_execute, @function\n"
    "test_trap_execute:\n"
    "\tint3\n"
    "test_trap_behind:\n"
    "\tret\n"
    ".size test_trap_execute, . - test_trap_execute\n");

static uint32_t counted;
static _Bool was_ours;
static struct sigaction before;

static _Bool at_ours(const void *context) {
  const ucontext_t *registers = context;
  return registers->uc_mcontext.gregs[REG_RIP] == (greg_t)test_trap_behind;
}

static void with_info(int signal, siginfo_t *info, void *context) {
  counted++;
  was_ours = signal == SIGTRAP && info->si_signo == SIGTRAP && info->si_code == SI_KERNEL &&
             at_ours(context);
}

static void plain(int signal) {
  counted++;
  was_ours = signal == SIGTRAP;
}

void test_trap_install(_Bool info) {
  struct sigaction action = {.sa_flags = info ? SA_SIGINFO : 0};
  if (info) {
    action.sa_sigaction = with_info;
  } else {
    action.sa_handler = plain;
  }
  sigaction(SIGTRAP, &action, NULL);
}

static void in_front(int signal, siginfo_t *info, void *context) {
  if (at_ours(context)) {
    counted++;
    was_ours = 1;
  }
  // Everything goes on to who was there before, as a well-behaved handler does.
  if (before.sa_flags & SA_SIGINFO) before.sa_sigaction(signal, info, context);
}

void test_trap_install_in_front(void) {
  struct sigaction action = {.sa_sigaction = in_front, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGTRAP, &action, &before);
}

uint32_t test_trap_count(void) { return counted; }
_Bool test_trap_was_ours(void) { return was_ours; }

void test_trap_block(_Bool blocked) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTRAP);
  pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}
