// The lock operations that are inlined into programs: what a lock and an unlock compile to.
//
// Every image (the program, each shared library) that includes this header holds patch sites of
// its own and the few lines of LockSites.c. When the image is loaded, those find the one core of
// the process (struct tidelock_core) and hand it the image's sites; when it is unloaded, they take
// them back. An image needs no more than this header and LockSites.c: the core may be in another.
//
// A site is one instruction of five bytes within one aligned 8-byte word:
//
//     native         40 c6 47 00 00    movb $0, 0(%rdi)
//     paravirtual    e9 rel32          jmp to the site's own stub
//
// In a file every site is paravirtual: that unlock is sound beside waiters of every set, so a site may
// execute before its image is known to the core, and where text cannot be written.
//
// The stub releases the lock and jumps back behind the site. If somebody sleeps, it first steps over
// the red zone (compiled code keeps data below the stack pointer) and calls the thunk,
// tidelock_unlock_slow_thunk in LockSites.c.
//
// Site, stub and table entry live and die together. A C++ inline function is compiled into every
// file that uses it, in a section group (COMDAT) of which the linker keeps one copy; "?" puts stub
// and entry into the group of the section that the site is in, so they are discarded with it.
#ifndef TIDELOCK_LOCK_SITES_H
#define TIDELOCK_LOCK_SITES_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Version of everything in this file that two images must agree on.
///
/// 2: the fast path takes the byte alone, beside which queues must claim it. (In 1 it compared the whole
/// word, and queues stored.)
#define TIDELOCK_ABI 2

/// An entry of the section `tidelock_sites`. Addresses are relative to their own field.
///
/// Its version says what the file has at the site: 1 the native form, 2 the paravirtual one. A core
/// knows both.
struct tidelock_site {
  int32_t site;
  int32_t stub;
  uint16_t operation;
  uint8_t length;
  uint8_t version;
  uint32_t reserved;
};

/// An image with sites. One in each, in LockSites.c.
struct tidelock_image {
  const struct tidelock_site *first;
  const struct tidelock_site *end;
  const struct tidelock_core *core;
  /// The core's own record of the image.
  void *record;
};

/// What the core of a process offers to the images in it. `abi` is TIDELOCK_ABI.
struct tidelock_core {
  uint32_t abi;
  /// Size of this structure in bytes; 0 in cores that end with `count`.
  uint32_t size;
  /// Take a lock that the fast path found taken. Any context; may halt.
  void (*lock_slow)(uintptr_t lock);
  /// Release a lock whose byte is not 1. Any context.
  void (*unlock_slow)(uintptr_t lock);
  /// Take over an image's sites and bring them to the set in force, before any of them executes.
  void (*attach)(struct tidelock_image *image);
  /// Let go of an image's sites. Waits for a poke that is under way.
  void (*detach)(struct tidelock_image *image);
  /// Switch, and look: what the Swift library above is made of. Types of LockSwitching.
  void (*perform)(const void *request, void *outcome);
  uint32_t (*current)(void);
  uint64_t (*count)(uint32_t event);
  /// Whether this thread holds a lock, as far as it was told.
  bool (*holds)(uintptr_t lock);
  /// Tells that this thread holds a lock from here on, or does not.
  void (*note)(uintptr_t lock, bool is_held);
  /// For how long native locks stood still behind a thread that did not run, as their waiters saw it,
  /// in nanoseconds since the process began.
  uint64_t (*stalled)(void);
};

/// Core of the process; looked for if the image is not attached yet. Ends the process with a
/// message if there is none.
__attribute__((visibility("hidden"))) const struct tidelock_core *tidelock_process_core(void);

__attribute__((visibility("hidden"), cold)) void tidelock_lock_slow(uintptr_t lock);
/// What the thunk calls.
__attribute__((visibility("hidden"), cold)) void tidelock_unlock_slow(uintptr_t lock);

// Recursion. A thread that takes a lock again would wait for itself for ever; debug builds trap instead.
// Swift's locks call these in debug builds, and the functions below do so with -DTIDELOCK_DEBUG: define
// it for every file that takes and releases the same locks, or for none. Any context.

// They return true, for assertions.

/// Ends the process with a message if this thread holds the lock.
__attribute__((visibility("hidden"))) bool tidelock_check_not_held(uintptr_t lock);
/// Remembers that this thread holds the lock, if it holds fewer than 16.
__attribute__((visibility("hidden"))) bool tidelock_note_held(uintptr_t lock);
/// Forgets it: called before the lock is released.
__attribute__((visibility("hidden"))) bool tidelock_note_released(uintptr_t lock);

#ifdef TIDELOCK_DEBUG
#define TIDELOCK_CHECK_NOT_HELD(lock) tidelock_check_not_held(lock)
#define TIDELOCK_NOTE_HELD(lock) tidelock_note_held(lock)
#define TIDELOCK_NOTE_RELEASED(lock) tidelock_note_released(lock)
#else
#define TIDELOCK_CHECK_NOT_HELD(lock) ((void)0)
#define TIDELOCK_NOTE_HELD(lock) ((void)0)
#define TIDELOCK_NOTE_RELEASED(lock) ((void)0)
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TIDELOCK_TSAN 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define TIDELOCK_TSAN 1
#endif
#ifdef TIDELOCK_TSAN
void __tsan_acquire(void *);
void __tsan_release(void *);
#define TIDELOCK_ACQUIRED(lock) __tsan_acquire((void *)(lock))
#define TIDELOCK_RELEASING(lock) __tsan_release((void *)(lock))
#else
#define TIDELOCK_ACQUIRED(lock) ((void)0)
#define TIDELOCK_RELEASING(lock) ((void)0)
#endif

#ifdef __AVX512F__
#define TIDELOCK_CLOBBERS_512                                                                      \
  , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",      \
      "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6",    \
      "k7"
#else
#define TIDELOCK_CLOBBERS_512
#endif

// The tail may share its place with a lock's word, which its owner declares as an integer.
typedef uint16_t __attribute__((__may_alias__)) tidelock_tail;

/// Takes the lock if nobody has it and nobody is seen to wait: two looks and one locked
/// compare-exchange. Acquires. Wait-free, any context.
///
/// LockWord.tryLockByte in C; why it is right is said there. No access is wider than what is stored at
/// its place, so none waits for a store of this CPU to leave the store buffer: the last unlock's, most
/// of all. Relaxed looks: advice.
static inline __attribute__((always_inline)) bool tidelock_try_lock(uintptr_t lock) {
  uint8_t expected = 0;
  // One branch for both.
  uint32_t waiters = __atomic_load_n((uint8_t *)(lock + 1), __ATOMIC_RELAXED);
  waiters |= __atomic_load_n((tidelock_tail *)(lock + 2), __ATOMIC_RELAXED);
  if (__builtin_expect(waiters != 0, 0)) return false;
  bool taken = __atomic_compare_exchange_n((uint8_t *)lock, &expected, (uint8_t)1, 0,
                                            __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
  if (taken) {
    TIDELOCK_ACQUIRED(lock);
    TIDELOCK_NOTE_HELD(lock);
  }
  return taken;
}

/// Takes the lock. Acquires. In a signal handler only if the interrupted code cannot hold it.
static inline __attribute__((always_inline)) void tidelock_lock(uintptr_t lock) {
  TIDELOCK_CHECK_NOT_HELD(lock);
  if (__builtin_expect(!tidelock_try_lock(lock), 0)) {
    tidelock_lock_slow(lock);
    TIDELOCK_ACQUIRED(lock);
    TIDELOCK_NOTE_HELD(lock);
  }
}

// The alignment skips at most 4 bytes, which is exactly when 5 bytes would cross an aligned 8-byte
// word. The section is marked "R": the linker's garbage collection would drop a table that nothing
// names. Registers: the thunk saves all general ones but rax; vector registers are declared
// clobbered, which costs nothing where, as nearly always, none is live across an unlock. The thunk
// is hidden, so an image without LockSites.c, whose sites nobody would know, does not link.
//
// The stub's compare-exchange is ParavirtualQueue.unlock's: of eax = 1 the lowest byte is what it
// expects, the second what it stores.
//
// The stub says how to unwind through it, to its site: a debugger, a profiler, the C++ runtime of a
// thread that ends in a signal handler. It was jumped to, so its frame is the function's own (CFA
// is rsp, plus the red zone once that is stepped over), and the return address is where its jmp
// leads. That is computed from the instruction itself, because an address would need a relocation:
// the stub is aligned to 32 bytes and shorter, so rip & -32 is its start; the operand of the jmp is
// the signed word at 12, relative to 16. As DWARF:
//
//     DW_CFA_val_expression rip: breg16 0, const1s -32, and, plus_uconst 16, dup, lit4, minus,
//     deref_size 4, const1u 32, shl, const1u 32, shra, plus
//
// Instructions with registers are bytes, so that the file may be compiled with -masm=intel too.
#define TIDELOCK_STUB_UNWINDING                                                                    \
  ".cfi_escape 0x16, 0x10, 0x13, 0x80, 0x00, 0x09, 0xe0, 0x1a, 0x23, 0x10, 0x12, 0x34, 0x1c, "     \
  "0x94, 0x04, 0x08, 0x20, 0x24, 0x08, 0x20, 0x26, 0x22\n"

/// Releases the lock: a patch site. Releases; wait-free where nobody sleeps; any context.
static inline __attribute__((always_inline)) void tidelock_unlock(uintptr_t lock) {
  TIDELOCK_NOTE_RELEASED(lock);
  TIDELOCK_RELEASING(lock);
  __asm__ volatile(
      ".p2align 3,,4\n"
      "771:\t.byte 0xe9\n"
      "\t.long 773f - 772f\n"
      "772:\n"
      ".pushsection .text.tidelock_stubs,\"ax?\",@progbits\n"
      ".p2align 5, 0xcc\n"
      // A name for backtraces; local to the object file.
      ".type tidelock_stub_%=, @function\n"
      "tidelock_stub_%=:\n"
      ".cfi_startproc\n"
      ".cfi_def_cfa_offset 0\n" TIDELOCK_STUB_UNWINDING
      "773:\t.byte 0xb8, 0x01, 0x00, 0x00, 0x00\n"  // movl $1, %eax
      "\t.byte 0xf0, 0x0f, 0xb0, 0x27\n"            // lock cmpxchgb %ah, (%rdi)
      "\tjne 775f\n"
      "774:\t.byte 0xe9\n"  // jmp, never in its short form
      "\t.long 772b - . - 4\n"
      "775:\t.byte 0x48, 0x83, 0xc4, 0x80\n"  // addq $-128, %rsp
      ".cfi_def_cfa_offset 128\n"
      "\tcall tidelock_unlock_slow_thunk\n"
      "\t.byte 0x48, 0x83, 0xec, 0x80\n"  // subq $-128, %rsp
      ".cfi_def_cfa_offset 0\n"
      "\tjmp 774b\n"
      ".cfi_endproc\n"
      ".size tidelock_stub_%=, . - tidelock_stub_%=\n"
      ".popsection\n"
      ".pushsection tidelock_sites,\"aR?\",@progbits\n"
      "\t.long 771b - ., 773b - .\n"
      "\t.short 1\n"
      "\t.byte 5, 2\n"
      "\t.long 0\n"
      ".popsection"
      :
      : "D"(lock)
      : "memory", "cc", "rax", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
        "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
        "xmm15" TIDELOCK_CLOBBERS_512);
}

#ifdef __cplusplus
}
#endif
#endif
