// What every image with patch sites carries: its description, its way to the core, the thunk.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "LockSites.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#define HIDDEN __attribute__((visibility("hidden")))

#ifdef __cplusplus
extern "C" {
#endif

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

static const struct tidelock_core *core_in(uintptr_t base, const ElfW(Phdr) * headers, int count) {
  for (int i = 0; i < count; i++) {
    const ElfW(Phdr) *segment = &headers[i];
    if (segment->p_type != PT_NOTE) continue;
    uintptr_t note = base + segment->p_vaddr;
    uintptr_t end = note + segment->p_memsz;
    uintptr_t align = segment->p_align == 8 ? 7 : 3;
    while (note + sizeof(ElfW(Nhdr)) <= end) {
      const ElfW(Nhdr) *header = (const ElfW(Nhdr) *)note;
      const char *name = (const char *)(header + 1);
      uintptr_t content = ((uintptr_t)name + header->n_namesz + align) & ~align;
      if (content + header->n_descsz > end) break;
      if (header->n_type == TIDELOCK_ABI && header->n_namesz == sizeof "Tidelock" &&
          header->n_descsz == sizeof(int64_t) && memcmp(name, "Tidelock", sizeof "Tidelock") == 0) {
        // Notes are aligned to four bytes.
        int64_t distance;
        memcpy(&distance, (const void *)content, sizeof distance);
        return (const struct tidelock_core *)(content + (uintptr_t)distance);
      }
      note = (content + header->n_descsz + align) & ~align;
    }
  }
  return NULL;
}

static int find_core(struct dl_phdr_info *image, size_t size, void *result) {
  (void)size;
  const struct tidelock_core *core =
      core_in(image->dlpi_addr, image->dlpi_phdr, image->dlpi_phnum);
  if (core == NULL) return 0;
  *(const struct tidelock_core **)result = core;
  return 1;
}

// In libdl before glibc 2.34, which an image with sites need not be linked with.
extern __typeof__(dladdr) dladdr __attribute__((weak));

// dl_iterate_phdr shows an image that was loaded by dlmopen only its own namespace. The process has
// one core even so: the program's dynamic section leads to the list of the first namespace.
static const struct tidelock_core *find_core_of_program(void) {
  const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
  int count = (int)getauxval(AT_PHNUM);
  uintptr_t base = 0;
  const ElfW(Dyn) *dynamic = NULL;
  if (headers == NULL || &dladdr == NULL) return NULL;
  for (int i = 0; i < count; i++) {
    if (headers[i].p_type == PT_PHDR) base = (uintptr_t)headers - headers[i].p_vaddr;
  }
  const struct tidelock_core *core = core_in(base, headers, count);
  for (int i = 0; i < count; i++) {
    if (headers[i].p_type == PT_DYNAMIC) {
      dynamic = (const ElfW(Dyn) *)(base + headers[i].p_vaddr);
    }
  }
  const struct r_debug *list = NULL;
  for (; dynamic != NULL && dynamic->d_tag != DT_NULL; dynamic++) {
    if (dynamic->d_tag == DT_DEBUG) list = (const struct r_debug *)dynamic->d_un.d_ptr;
  }
  if (list == NULL) return core;
  // The first is the program.
  const struct link_map *image = list->r_map == NULL ? NULL : list->r_map->l_next;
  for (; core == NULL && image != NULL; image = image->l_next) {
    Dl_info info;
    if (dladdr(image->l_ld, &info) == 0 || info.dli_fbase == NULL) continue;
    const ElfW(Ehdr) *file = (const ElfW(Ehdr) *)info.dli_fbase;
    core = core_in(image->l_addr, (const ElfW(Phdr) *)((uintptr_t)file + file->e_phoff),
                   file->e_phnum);
  }
  return core;
}

// The C library's write is a cancellation point.
static void say(const char *message, size_t length) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"((long)SYS_write), "D"(2L), "S"(message), "d"(length)
                   : "rcx", "r11", "memory");
}

HIDDEN const struct tidelock_core *tidelock_process_core(void) {
  // Relaxed: every thread that looks finds the same, and what it points to is constant.
  const struct tidelock_core *core = __atomic_load_n(&tidelock_image.core, __ATOMIC_RELAXED);
  if (__builtin_expect(core != NULL, 1)) return core;
  dl_iterate_phdr(find_core, &core);
  if (core == NULL) core = find_core_of_program();
  if (core == NULL || core->abi != TIDELOCK_ABI) {
    static const char message[] =
        "tidelock: this process has locks of Tidelock but no core of that version; link Tidelock "
        "into the program or one of its libraries.\n";
    say(message, sizeof message - 1);
    abort();
  }
  __atomic_store_n(&tidelock_image.core, core, __ATOMIC_RELAXED);
  return core;
}

// First of all constructors and last of all destructors that a program may have: no site of this
// image executes before its set is the one in force, or after it is forgotten.
//
// By the sections themselves, because the attributes warn of priorities below 101, which a program
// may use in spite of it. What comes earlier still is in Limits: -init, the constructor of another
// library in a cycle, the resolver of an indirect function. Such an unlock is paravirtual, or native
// in a library of an earlier version; a sleeper that it does not wake looks again of its own accord
// (tidelock_futex_wait).
//
// `tidelock inspect` knows the constructor by its name.
static void tidelock_attach_image(void) {
  tidelock_image.first = __start_tidelock_sites;
  tidelock_image.end = __stop_tidelock_sites;
  tidelock_process_core()->attach(&tidelock_image);
}

static void detach(void) { tidelock_image.core->detach(&tidelock_image); }

__attribute__((section(".init_array.00000"), used)) static void (*attach_first)(void) =
    tidelock_attach_image;
__attribute__((section(".fini_array.00000"), used)) static void (*detach_last)(void) = detach;

// MARK: Into the core

HIDDEN void tidelock_lock_slow(uintptr_t lock) { tidelock_process_core()->lock_slow(lock); }

__attribute__((used)) HIDDEN void tidelock_unlock_slow(uintptr_t lock) {
  tidelock_process_core()->unlock_slow(lock);
}

// MARK: Recursion

// A core of an earlier version keeps no such account.
static const struct tidelock_core *core_with_account(void) {
  const struct tidelock_core *core = tidelock_process_core();
  return core->size >= offsetof(struct tidelock_core, note) + sizeof core->note ? core : NULL;
}

HIDDEN bool tidelock_check_not_held(uintptr_t lock) {
  const struct tidelock_core *core = core_with_account();
  if (core == NULL || !core->holds(lock)) return true;
  static const char message[] =
      "tidelock: this thread takes a lock that it already holds, and would wait for itself for ever; "
      "release the lock first, or have the caller pass what it guards.\n";
  say(message, sizeof message - 1);
  __builtin_trap();
}

HIDDEN bool tidelock_note_held(uintptr_t lock) {
  const struct tidelock_core *core = core_with_account();
  if (core != NULL) core->note(lock, true);
  return true;
}

HIDDEN bool tidelock_note_released(uintptr_t lock) {
  const struct tidelock_core *core = core_with_account();
  if (core != NULL) core->note(lock, false);
  return true;
}

// MARK: The thunk

// The rest of the paravirtual unlock, when the locked byte was not 1: called from the stubs with the
// lock in rdi; preserves every general register but rax.
//
// It has a frame as functions have it, return address above the saved rbp, so that profilers that
// follow frame pointers get through. At file level an instruction cannot be given in both syntaxes of
// the assembler (-masm=intel), so those with registers are bytes; register numbers of CFI are DWARF's:
// 6 is rbp, 7 is rsp.
__asm__(
    ".pushsection .text.tidelock_unlock_slow_thunk,\"ax\",@progbits\n"
    ".globl tidelock_unlock_slow_thunk\n"
    ".hidden tidelock_unlock_slow_thunk\n"
    ".type tidelock_unlock_slow_thunk, @function\n"
    ".p2align 4\n"
    "tidelock_unlock_slow_thunk:\n"
    ".cfi_startproc\n"
    "\t.byte 0x55\n"  // pushq %rbp
    ".cfi_adjust_cfa_offset 8\n"
    ".cfi_rel_offset 6, 0\n"
    "\t.byte 0x48, 0x89, 0xe5\n"  // movq %rsp, %rbp
    ".cfi_def_cfa_register 6\n"
    "\t.byte 0x51, 0x52, 0x56, 0x57\n"                          // pushq %rcx, %rdx, %rsi, %rdi
    "\t.byte 0x41, 0x50, 0x41, 0x51, 0x41, 0x52, 0x41, 0x53\n"  // pushq %r8, %r9, %r10, %r11
    "\t.byte 0x48, 0x83, 0xe4, 0xf0\n"                          // andq $-16, %rsp
    "\tcld\n"
    "\tcall tidelock_unlock_slow\n"
    "\t.byte 0x48, 0x8d, 0x65, 0xc0\n"                          // leaq -64(%rbp), %rsp
    "\t.byte 0x41, 0x5b, 0x41, 0x5a, 0x41, 0x59, 0x41, 0x58\n"  // popq %r11, %r10, %r9, %r8
    "\t.byte 0x5f, 0x5e, 0x5a, 0x59\n"                          // popq %rdi, %rsi, %rdx, %rcx
    "\t.byte 0x5d\n"                                            // popq %rbp
    ".cfi_def_cfa 7, 8\n"
    ".cfi_restore 6\n"
    "\tret\n"
    ".cfi_endproc\n"
    ".size tidelock_unlock_slow_thunk, . - tidelock_unlock_slow_thunk\n"
    ".popsection\n");

#ifdef __cplusplus
}
#endif
