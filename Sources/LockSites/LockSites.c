// What every image with patch sites carries: its description, its way to the core, the thunk.
#define _GNU_SOURCE
#include "LockSites.h"

#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HIDDEN __attribute__((visibility("hidden")))

// Defined by the linker around the section, for each image its own; absent without any site.
extern const struct tidelock_site __start_tidelock_sites[] __attribute__((weak)) HIDDEN;
extern const struct tidelock_site __stop_tidelock_sites[] __attribute__((weak)) HIDDEN;

HIDDEN struct tidelock_image tidelock_image;

// MARK: Finding the core
//
// The core announces itself by an ELF note (UserSpaceShims.c): owner "Tidelock", type TIDELOCK_ABI,
// content the distance from the content to its struct tidelock_core. Should several images carry a
// core (each with its own statically linked copy), the first in load order is the one of the
// process, and the others sleep. Notes are found by the program headers, so nothing need be
// exported and no lock operation depends on symbol resolution.

static int find_core(struct dl_phdr_info *image, size_t size, void *result) {
  (void)size;
  for (int i = 0; i < image->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &image->dlpi_phdr[i];
    if (segment->p_type != PT_NOTE) continue;
    uintptr_t note = image->dlpi_addr + segment->p_vaddr;
    uintptr_t end = note + segment->p_memsz;
    uintptr_t align = segment->p_align == 8 ? 7 : 3;
    while (note + sizeof(ElfW(Nhdr)) <= end) {
      const ElfW(Nhdr) *header = (const ElfW(Nhdr) *)note;
      const char *name = (const char *)(header + 1);
      uintptr_t content = ((uintptr_t)name + header->n_namesz + align) & ~align;
      if (content + header->n_descsz > end) break;
      if (header->n_type == TIDELOCK_ABI && header->n_namesz == sizeof "Tidelock" &&
          header->n_descsz == sizeof(int64_t) && memcmp(name, "Tidelock", sizeof "Tidelock") == 0) {
        *(const struct tidelock_core **)result =
            (const struct tidelock_core *)(content + (uintptr_t) * (const int64_t *)content);
        return 1;
      }
      note = (content + header->n_descsz + align) & ~align;
    }
  }
  return 0;
}

HIDDEN const struct tidelock_core *tidelock_process_core(void) {
  // Relaxed: every thread that looks finds the same, and what it points to is constant.
  const struct tidelock_core *core = __atomic_load_n(&tidelock_image.core, __ATOMIC_RELAXED);
  if (__builtin_expect(core != NULL, 1)) return core;
  dl_iterate_phdr(find_core, &core);
  if (core == NULL || core->abi != TIDELOCK_ABI) {
    static const char message[] =
        "tidelock: this process has locks of Tidelock but no core of that version; link Tidelock "
        "into the program or one of its libraries.\n";
    ssize_t written = write(2, message, sizeof message - 1);
    (void)written;
    abort();
  }
  __atomic_store_n(&tidelock_image.core, core, __ATOMIC_RELAXED);
  return core;
}

// First of all constructors and last of all destructors that a program may have: no site of this
// image executes before its set is the one in force, or after it is forgotten.
__attribute__((constructor(101))) static void attach(void) {
  tidelock_image.first = __start_tidelock_sites;
  tidelock_image.end = __stop_tidelock_sites;
  const struct tidelock_core *core = tidelock_process_core();
  core->attach(&tidelock_image);
}

__attribute__((destructor(101))) static void detach(void) {
  tidelock_image.core->detach(&tidelock_image);
}

// MARK: Into the core

HIDDEN void tidelock_lock_slow(uintptr_t lock) { tidelock_process_core()->lock_slow(lock); }

__attribute__((used)) HIDDEN void tidelock_unlock_slow(uintptr_t lock) {
  tidelock_process_core()->unlock_slow(lock);
}

// The paravirtual unlock, called from the stubs with the lock in rdi; preserves every general
// register but rax. The compare-exchange is ParavirtualQueue.unlock's, the rest is in the core.
__asm__(
    ".pushsection .text.tidelock_unlock_thunk,\"ax\",@progbits\n"
    ".globl tidelock_unlock_thunk\n"
    ".hidden tidelock_unlock_thunk\n"
    ".type tidelock_unlock_thunk, @function\n"
    ".p2align 4\n"
    "tidelock_unlock_thunk:\n"
    ".cfi_startproc\n"
    "\tpushq %rcx\n"
    ".cfi_adjust_cfa_offset 8\n"
    "\txorl %ecx, %ecx\n"
    "\tmovl $1, %eax\n"
    "\tlock cmpxchgb %cl, (%rdi)\n"
    "\tjne 1f\n"
    "\tpopq %rcx\n"
    ".cfi_adjust_cfa_offset -8\n"
    "\tret\n"
    ".cfi_adjust_cfa_offset 8\n"
    "1:\tpushq %rbp\n"
    ".cfi_adjust_cfa_offset 8\n"
    ".cfi_rel_offset %rbp, 0\n"
    "\tmovq %rsp, %rbp\n"
    ".cfi_def_cfa_register %rbp\n"
    "\tpushq %rdx\n"
    "\tpushq %rsi\n"
    "\tpushq %rdi\n"
    "\tpushq %r8\n"
    "\tpushq %r9\n"
    "\tpushq %r10\n"
    "\tpushq %r11\n"
    "\tandq $-16, %rsp\n"
    "\tcld\n"
    "\tcall tidelock_unlock_slow\n"
    "\tleaq -56(%rbp), %rsp\n"
    "\tpopq %r11\n"
    "\tpopq %r10\n"
    "\tpopq %r9\n"
    "\tpopq %r8\n"
    "\tpopq %rdi\n"
    "\tpopq %rsi\n"
    "\tpopq %rdx\n"
    "\tpopq %rbp\n"
    ".cfi_def_cfa %rsp, 16\n"
    ".cfi_restore %rbp\n"
    "\tpopq %rcx\n"
    ".cfi_adjust_cfa_offset -8\n"
    "\tret\n"
    ".cfi_endproc\n"
    ".size tidelock_unlock_thunk, . - tidelock_unlock_thunk\n"
    ".popsection\n");
