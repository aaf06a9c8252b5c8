// The signal that gathers threads, and the instruction that serializes one.
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

#include "RawSystemCall.h"
#include "UserSpaceShims.h"

void tidelock_core_gather(int signal, siginfo_t *info, void *context);

_Bool tidelock_gather_may_use(int signal) {
  struct sigaction now;
  if (sigaction(signal, NULL, &now) != 0) return 0;
  if (now.sa_flags & SA_SIGINFO) return now.sa_sigaction == tidelock_core_gather;
  return now.sa_handler == SIG_DFL;
}

int tidelock_gather_install(int signal, _Bool blocks_all) {
  struct sigaction ours = {.sa_sigaction = tidelock_core_gather,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
  if (blocks_all) {
    sigfillset(&ours.sa_mask);
  } else {
    sigemptyset(&ours.sa_mask);
  }
  return sigaction(signal, &ours, NULL);
}

int tidelock_gather_ask(int signal, uint32_t tid) {
  return (int)tidelock_call(SYS_tgkill, getpid(), (long)tid, signal, 0);
}

// IRET to the next instruction, as the kernel serializes a core (Intel SDM vol. 3A 9.3, AMD APM
// vol. 2 7.6.4): in a virtual machine CPUID would leave it. With a shadow stack, on which IRET looks
// for a frame that nobody pushed, CPUID.
__asm__(
    ".pushsection .text.tidelock_serialize_core,\"ax\",@progbits\n"
    ".globl tidelock_serialize_core\n"
    ".hidden tidelock_serialize_core\n"
    ".type tidelock_serialize_core, @function\n"
    ".p2align 4\n"
    "tidelock_serialize_core:\n"
    ".cfi_startproc\n"
    "\txorl %eax, %eax\n"
    "\trdsspq %rax\n"
    "\ttestq %rax, %rax\n"
    "\tjne 1f\n"
    "\tmovq %rsp, %rdx\n"
    "\tmovl %ss, %ecx\n"
    "\tpushq %rcx\n"
    ".cfi_adjust_cfa_offset 8\n"
    "\tpushq %rdx\n"
    ".cfi_adjust_cfa_offset 8\n"
    "\tpushfq\n"
    ".cfi_adjust_cfa_offset 8\n"
    "\tmovl %cs, %ecx\n"
    "\tpushq %rcx\n"
    ".cfi_adjust_cfa_offset 8\n"
    "\tleaq 2f(%rip), %rcx\n"
    "\tpushq %rcx\n"
    ".cfi_adjust_cfa_offset 8\n"
    "\tiretq\n"
    ".cfi_adjust_cfa_offset -40\n"
    "1:\tmovq %rbx, %rsi\n"
    ".cfi_register %rbx, %rsi\n"
    "\txorl %eax, %eax\n"
    "\tcpuid\n"
    "\tmovq %rsi, %rbx\n"
    ".cfi_restore %rbx\n"
    "2:\tret\n"
    ".cfi_endproc\n"
    ".size tidelock_serialize_core, . - tidelock_serialize_core\n"
    ".popsection\n");
