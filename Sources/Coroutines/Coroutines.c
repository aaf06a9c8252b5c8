#include "Coroutines.h"

#include <stddef.h>
#include <sys/mman.h>

_Thread_local struct coroutine_mailbox coroutine_mailbox;

/// The explorer's own stack pointer while a coroutine of this thread runs.
__attribute__((visibility("hidden"), tls_model("initial-exec")))
_Thread_local uint64_t coroutine_explorer;

// The callee-saved registers of the System V ABI are all that a call must keep. The control words
// of the floating-point units never change here.
//
// What a request has pushed is cleared when it is answered: dead values, but frames come to lie on
// them, and a frame does not write all of its slots. Equal states would look different.
__asm__(
    ".text\n"
    ".p2align 4\n"
    ".globl coroutine_resume\n"
    ".type coroutine_resume, @function\n"
    "coroutine_resume:\n"
    "\tpushq %rbp\n\tpushq %rbx\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n"
    "\tmovq coroutine_explorer@GOTTPOFF(%rip), %rax\n"
    "\tmovq %rsp, %fs:(%rax)\n"
    "\tmovq %rdi, %rsp\n"
    "\tpopq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbx\n\tpopq %rbp\n"
    "\tpopq %rcx\n"
    "\tpxor %xmm0, %xmm0\n"
    "\tmovups %xmm0, -16(%rsp)\n\tmovups %xmm0, -32(%rsp)\n\tmovups %xmm0, -48(%rsp)\n"
    "\tmovq $0, -56(%rsp)\n"
    "\tmovq coroutine_mailbox@GOTTPOFF(%rip), %rax\n"
    "\tmovq %fs:40(%rax), %rax\n"  // answer
    "\tjmpq *%rcx\n"
    ".size coroutine_resume, . - coroutine_resume\n"
    ".p2align 4\n"
    ".globl coroutine_request\n"
    ".type coroutine_request, @function\n"
    "coroutine_request:\n"
    "\tmovq coroutine_mailbox@GOTTPOFF(%rip), %rax\n"
    "\tmovq %rdi, %fs:(%rax)\n\tmovq %rsi, %fs:8(%rax)\n"    // kind, address
    "\tmovq %rdx, %fs:16(%rax)\n\tmovq %rcx, %fs:24(%rax)\n"  // first, second
    "\tmovq (%rsp), %rcx\n\tmovq %rcx, %fs:32(%rax)\n"        // site
    "\tpushq %rbp\n\tpushq %rbx\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n"
    "\tmovq %rsp, %rax\n"
    "\tmovq coroutine_explorer@GOTTPOFF(%rip), %rcx\n"
    "\tmovq %fs:(%rcx), %rsp\n"
    "\tpopq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbx\n\tpopq %rbp\n"
    "\tretq\n"
    ".size coroutine_request, . - coroutine_request\n"
    // First run: r12 holds the body, r13 its argument (see coroutine_make).
    ".p2align 4\n"
    ".hidden coroutine_begin\n"
    ".globl coroutine_begin\n"
    ".type coroutine_begin, @function\n"
    "coroutine_begin:\n"
    "\tmovl %r13d, %edi\n"
    "\tcallq *%r12\n"
    "\txorl %edi, %edi\n"
    "\tcallq coroutine_request@PLT\n"
    "\tud2\n"
    ".size coroutine_begin, . - coroutine_begin\n");

void coroutine_begin(void);

_Static_assert(offsetof(struct coroutine_mailbox, kind) == 0, "as above");
_Static_assert(offsetof(struct coroutine_mailbox, address) == 8, "as above");
_Static_assert(offsetof(struct coroutine_mailbox, first) == 16, "as above");
_Static_assert(offsetof(struct coroutine_mailbox, second) == 24, "as above");
_Static_assert(offsetof(struct coroutine_mailbox, site) == 32, "as above");
_Static_assert(offsetof(struct coroutine_mailbox, answer) == 40, "as above");

uint64_t coroutine_make(uint64_t top, void (*body)(uint32_t), uint32_t argument) {
  // The ABI wants the stack aligned to 16 at each call, so 8 off at coroutine_begin's own entry
  // would be wrong: it makes calls without pushing anything itself.
  uint64_t *place = (uint64_t *)(top & ~15ull);
  *--place = 0;
  *--place = 0;
  *--place = (uint64_t)coroutine_begin;
  *--place = 0;               // rbp
  *--place = 0;               // rbx
  *--place = (uint64_t)body;  // r12
  *--place = argument;        // r13
  *--place = 0;               // r14
  *--place = 0;               // r15
  return (uint64_t)place;
}

uint64_t coroutine_map(uint64_t bytes) {
  char *address = mmap(0, bytes + 4096, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return 0;
  if (mprotect(address + 4096, bytes, PROT_READ | PROT_WRITE) != 0) {
    munmap(address, bytes + 4096);
    return 0;
  }
  return (uint64_t)(address + 4096);
}

void coroutine_unmap(uint64_t address, uint64_t bytes) {
  munmap((char *)address - 4096, bytes + 4096);
}
