// What the program's platform needs of Linux and cannot say in Swift: raw system calls (no errno,
// no cancellation, so that they may stand in any signal handler and inside an unlock), thread-local
// storage, the layout of the core's state.
#ifndef TIDELOCK_USER_SPACE_SHIMS_H
#define TIDELOCK_USER_SPACE_SHIMS_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "LockSites.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TIDELOCK_HIDDEN __attribute__((visibility("hidden")))
#define TIDELOCK_INLINE static inline __attribute__((always_inline))

// MARK: Instructions

TIDELOCK_INLINE void tidelock_compiler_barrier(void) { __asm__ volatile("" ::: "memory"); }
TIDELOCK_INLINE void tidelock_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
TIDELOCK_INLINE void tidelock_pause(void) { __builtin_ia32_pause(); }
TIDELOCK_INLINE uint64_t tidelock_timestamp(void) { return __builtin_ia32_rdtsc(); }

// MARK: State

/// How many threads can be told apart at one time: what a lock word's tail can name.
#define TIDELOCK_THREADS 16383u
/// Entries of the lock hash: a power of two, at least twice four for each thread.
#define TIDELOCK_HASH_ENTRIES 131072u
#define TIDELOCK_EVENTS 8
/// Size of a thread's record in bytes.
#define TIDELOCK_THREAD_SIZE 512u

/// What the core keeps of a thread. Mapped once for all numbers and never unmapped: a kick that
/// comes after the thread has ended finds memory, and a new thread of that number at worst wakes
/// for nothing.
struct __attribute__((aligned(64))) tidelock_thread {
  /// PerCPUArea of QueuedSpinlocks.
  uint8_t queue_area[320];
  /// How many slow paths the thread is in; the drain reads it.
  uint32_t mark;
  /// Kernel's number of the thread; 0 while the record is free.
  uint32_t tid;
  /// The processor the thread was last seen on when it entered a slow path.
  uint32_t processor;
  uint32_t unused;
  /// The longest that it was stalled since the last switch began, in nanoseconds.
  uint64_t longest_stall;
  /// Breakpoints it met, ever.
  uint64_t breakpoints;
  /// The locks in whose slow paths it is, by nesting level: for the child of a fork.
  uint64_t waits_for[4];
  uint64_t events[TIDELOCK_EVENTS];
  /// References of LockSwitching.
  _Alignas(64) uint64_t references[8];
};
_Static_assert(sizeof(struct tidelock_thread) == TIDELOCK_THREAD_SIZE, "a record is eight lines");
_Static_assert(TIDELOCK_EVENTS == 8, "LockEvent has eight cases");

/// A thread that is asked to gather. Mapped once and never unmapped: a signal may come late.
struct __attribute__((aligned(64))) tidelock_place {
  /// What the thread has acknowledged (LockStep), or that it is inside a slow path.
  uint64_t acknowledged;
  uint32_t tid;
  /// Whether it need not be waited for.
  uint32_t is_excused;
};
#define TIDELOCK_PLACE_SIZE 64u
_Static_assert(sizeof(struct tidelock_place) == TIDELOCK_PLACE_SIZE, "a place is a line");
/// One for each thread, and one for the leader.
#define TIDELOCK_PLACES (TIDELOCK_THREADS + 1)

struct tidelock_state {
  /// Where the slow path leads, and what `wait` and `kick` do: Implementation. Unlock is text.
  _Alignas(64) uint32_t slow_path;
  uint32_t wait;
  uint32_t kick;
  /// SwitchState, between two steps of a switch and from one switch to the next.
  uint64_t switch_state;
  _Alignas(64) uintptr_t threads;
  uintptr_t hash;
  /// One more than the highest number ever given out.
  uint32_t thread_end;
  /// How many records were given back, ever.
  uint32_t records_returned;
  /// Ticks of the timestamp counter in a turn.
  uint64_t turn;
  pthread_key_t exit_key;
  /// The set to start in, as LockSet: what the environment says.
  uint32_t first_set;
  /// Whether it could not be had.
  uint32_t is_first_set_refused;
  /// Whether memory and kernel services are there, and the process has not begun to end: see
  /// Process.swift.
  uint32_t is_ready;
  /// Whether a switch is under way: see Process.swift.
  uint32_t switching;
  /// Whether a thread goes on trying to settle a switch that got stuck.
  uint32_t is_retrying;
  /// Guards the list of images, and every poke.
  uint32_t images_lock;
  /// The signals that its owner had blocked before.
  uint64_t images_signals;
  /// Records of images, newest first.
  uintptr_t images;
  /// How many handlers look at the records just now.
  uint32_t handlers;
  /// The handler of SIGTRAP that ours was last put in front of, and the first one.
  struct sigaction chained_trap;
  struct sigaction first_trap;
  uint32_t has_first_trap;
  /// Breakpoints met by threads without a record, ever.
  uint32_t unnumbered_breakpoints;
  /// What threads without a record have counted.
  uint64_t unnumbered_events[TIDELOCK_EVENTS];
  /// Whether the handler of breakpoints emulates by Counted.
  uint32_t is_counted;
  /// References.counting.
  uint32_t counting;
  /// LockStepArea.
  _Alignas(64) uint8_t lock_step[64];
  /// TIDELOCK_PLACES of struct tidelock_place, or 0.
  uintptr_t places;
  /// How many of them are in use.
  uint32_t place_end;
  /// Threads in the handler that gathers.
  uint32_t held;
  /// The longest that one was in there since the last switch began, in nanoseconds.
  uint64_t longest_stall;
  /// When the last switch began.
  uint64_t measured_since;
  /// A thread that was not where it should be.
  uint32_t straggler;
  /// For how long native locks stood still, in nanoseconds, and when a waiter last said so.
  uint64_t stalled;
  uint64_t stall_seen;
};

extern struct tidelock_state tidelock_state_ TIDELOCK_HIDDEN;

#define TIDELOCK_STATE(field)                                                                      \
  TIDELOCK_INLINE uintptr_t tidelock_state_##field(void) {                                         \
    return (uintptr_t)&tidelock_state_.field;                                                      \
  }
TIDELOCK_STATE(slow_path)
TIDELOCK_STATE(wait)
TIDELOCK_STATE(kick)
TIDELOCK_STATE(switch_state)
TIDELOCK_STATE(threads)
TIDELOCK_STATE(hash)
TIDELOCK_STATE(turn)
TIDELOCK_STATE(first_set)
TIDELOCK_STATE(is_first_set_refused)
TIDELOCK_STATE(is_ready)
TIDELOCK_STATE(switching)
TIDELOCK_STATE(is_retrying)
TIDELOCK_STATE(images)
TIDELOCK_STATE(handlers)
TIDELOCK_STATE(thread_end)
TIDELOCK_STATE(records_returned)
TIDELOCK_STATE(unnumbered_breakpoints)
TIDELOCK_STATE(unnumbered_events)
TIDELOCK_STATE(is_counted)
TIDELOCK_STATE(counting)
TIDELOCK_STATE(lock_step)
TIDELOCK_STATE(places)
TIDELOCK_STATE(place_end)
TIDELOCK_STATE(held)
TIDELOCK_STATE(longest_stall)
TIDELOCK_STATE(measured_since)
TIDELOCK_STATE(straggler)
TIDELOCK_STATE(stalled)
TIDELOCK_STATE(stall_seen)
TIDELOCK_INLINE uintptr_t tidelock_threads(void) { return tidelock_state_.threads; }
TIDELOCK_INLINE uintptr_t tidelock_hash(void) { return tidelock_state_.hash; }
/// Relaxed: advice, which a switch writes anew while waiters read it; nothing is published with it.
TIDELOCK_INLINE uint64_t tidelock_turn(void) {
  return __atomic_load_n(&tidelock_state_.turn, __ATOMIC_RELAXED);
}

TIDELOCK_INLINE uintptr_t tidelock_thread_record(uint32_t number) {
  return tidelock_state_.threads + (uintptr_t)number * sizeof(struct tidelock_thread);
}
#define TIDELOCK_FIELD(name)                                                                       \
  TIDELOCK_INLINE uintptr_t tidelock_thread_##name(uintptr_t record) {                             \
    return record + offsetof(struct tidelock_thread, name);                                        \
  }
TIDELOCK_FIELD(mark)
TIDELOCK_FIELD(tid)
TIDELOCK_FIELD(processor)
TIDELOCK_FIELD(longest_stall)
TIDELOCK_FIELD(breakpoints)
TIDELOCK_FIELD(waits_for)
TIDELOCK_FIELD(events)
TIDELOCK_FIELD(references)

TIDELOCK_INLINE uintptr_t tidelock_place_address(uint32_t index) {
  return tidelock_state_.places + (uintptr_t)index * sizeof(struct tidelock_place);
}
#define TIDELOCK_PLACE_FIELD(name)                                                                 \
  TIDELOCK_INLINE uintptr_t tidelock_place_##name(uintptr_t place) {                               \
    return place + offsetof(struct tidelock_place, name);                                          \
  }
TIDELOCK_PLACE_FIELD(acknowledged)
TIDELOCK_PLACE_FIELD(tid)
TIDELOCK_PLACE_FIELD(is_excused)

// MARK: The images' lock, and what else the C library keeps for the core

/// Its owner calls nothing that can reach the loader, an allocator or other foreign code, all of
/// which may be waiting for it: a library that is loaded attaches with the loader's lock held, and
/// an allocator that is loaded may call the loader. It takes no signal meanwhile.
void tidelock_lock_images(void) TIDELOCK_HIDDEN;
void tidelock_unlock_images(void) TIDELOCK_HIDDEN;
/// In the child of a fork, for which its parent took it: gives it back, but not yet the signals, which
/// `tidelock_restore_signals` does when the child is whole.
void tidelock_renew_images_lock(uint64_t *saved) TIDELOCK_HIDDEN;
/// Makes the key whose destructor is called with a thread's record when the thread ends.
int tidelock_make_exit_key(void (*leave)(void *record)) TIDELOCK_HIDDEN;
/// Below the first 32 keys, which the core's early one is, this does not allocate. Less than 0 if it
/// cannot be done.
int tidelock_call_at_exit(uintptr_t record) TIDELOCK_HIDDEN;

/// The set that TIDELOCK_SET names, as LockSet; paravirtual if it names none, and of a value that is no
/// set a sentence on standard error, once. No allocation, no lock.
uint32_t tidelock_set_of_environment(void) TIDELOCK_HIDDEN;
/// Says, once, that the process starts in paravirtual although the environment names another set.
void tidelock_name_refused_set(void) TIDELOCK_HIDDEN;
/// This image's core; the process may have another.
extern const struct tidelock_core tidelock_core TIDELOCK_HIDDEN;
/// `holds` and `note` of struct tidelock_core.
_Bool tidelock_holds(uintptr_t lock) TIDELOCK_HIDDEN;
void tidelock_note(uintptr_t lock, _Bool is_held) TIDELOCK_HIDDEN;
/// An address in the core's own text.
uintptr_t tidelock_own_text(void) TIDELOCK_HIDDEN;

// MARK: Thread-local storage

// Initial-exec: one instruction, and no allocation on first use, so that a signal handler may be
// the first to take a lock on its thread.
extern __thread uintptr_t tidelock_thread_self TIDELOCK_HIDDEN
    __attribute__((tls_model("initial-exec")));
TIDELOCK_INLINE uintptr_t tidelock_self(void) { return tidelock_thread_self; }
TIDELOCK_INLINE void tidelock_set_self(uintptr_t record) { tidelock_thread_self = record; }

/// Whether the thread has given its record back: it is ending.
extern __thread _Bool tidelock_thread_has_left TIDELOCK_HIDDEN
    __attribute__((tls_model("initial-exec")));
TIDELOCK_INLINE _Bool tidelock_has_left(void) { return tidelock_thread_has_left; }
TIDELOCK_INLINE void tidelock_set_has_left(void) { tidelock_thread_has_left = 1; }

/// One more than `records_returned` was when the thread found no free record; 0 if it never did.
extern __thread uint32_t tidelock_thread_found_none TIDELOCK_HIDDEN
    __attribute__((tls_model("initial-exec")));
TIDELOCK_INLINE uint32_t tidelock_found_none(void) { return tidelock_thread_found_none; }
TIDELOCK_INLINE void tidelock_set_found_none(uint32_t returned) {
  tidelock_thread_found_none = returned;
}

/// The place of a thread that is gathered, or leads; 0 otherwise.
extern __thread uintptr_t tidelock_thread_place TIDELOCK_HIDDEN
    __attribute__((tls_model("initial-exec")));
TIDELOCK_INLINE uintptr_t tidelock_own_place(void) { return tidelock_thread_place; }
TIDELOCK_INLINE void tidelock_set_own_place(uintptr_t place) { tidelock_thread_place = place; }
/// The state by which it was gathered.
extern __thread uint64_t tidelock_thread_gathering TIDELOCK_HIDDEN
    __attribute__((tls_model("initial-exec")));
TIDELOCK_INLINE uint64_t tidelock_own_gathering(void) { return tidelock_thread_gathering; }
TIDELOCK_INLINE void tidelock_set_own_gathering(uint64_t state) {
  tidelock_thread_gathering = state;
}

// The kernel keeps the number of the processor a thread runs on in its restartable-sequences area
// (rseq(2), glibc 2.35 and later).
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
/// The processor this runs on; 0xffffffff if unknown.
TIDELOCK_INLINE uint32_t tidelock_processor(void) {
  if (&__rseq_size == NULL || __rseq_size == 0) return 0xffffffffu;
  const char *area = (const char *)__builtin_thread_pointer() + __rseq_offset;
  return __atomic_load_n((const uint32_t *)(area + 4), __ATOMIC_RELAXED);
}

// MARK: System calls. Negative results are error numbers.

/// Sleeps while the word holds the value: until woken, and no longer than a bounded time (a tenth of
/// a second, or more with more than a thousand threads). The caller looks again.
void tidelock_futex_wait(uintptr_t word, uint32_t value) TIDELOCK_HIDDEN;
void tidelock_futex_wake(uintptr_t word) TIDELOCK_HIDDEN;
void tidelock_yield(void) TIDELOCK_HIDDEN;
void tidelock_sleep(uint64_t nanoseconds) TIDELOCK_HIDDEN;
uint32_t tidelock_tid(void) TIDELOCK_HIDDEN;
uint64_t tidelock_nanoseconds(void) TIDELOCK_HIDDEN;
/// Registers the process for both barriers below.
int tidelock_barrier_register(void) TIDELOCK_HIDDEN;
/// Every thread of the process has executed a full memory barrier since the call.
int tidelock_barrier(void) TIDELOCK_HIDDEN;
/// Every thread of the process has executed a core-serializing instruction since the call.
int tidelock_barrier_sync_core(void) TIDELOCK_HIDDEN;
/// Changes the protection of whole pages.
int tidelock_protect(uintptr_t low, uintptr_t high, int protection) TIDELOCK_HIDDEN;
/// Zeroed memory that costs nothing until touched; 0 if there is none.
uintptr_t tidelock_map(size_t size) TIDELOCK_HIDDEN;
void tidelock_unmap(uintptr_t memory, size_t size) TIDELOCK_HIDDEN;
/// Whether memory is there and this process's alone: for where /proc is not.
_Bool tidelock_is_own_copy(uintptr_t address) TIDELOCK_HIDDEN;
/// Blocks every signal of the thread and stores those that were blocked; and puts them back.
void tidelock_block_signals(uint64_t *saved) TIDELOCK_HIDDEN;
/// The same with most of them. Left are those that an instruction raises, which end the process where they are
/// blocked, and the one by which the C library's setuid waits for every thread.
void tidelock_block_most_signals(uint64_t *saved) TIDELOCK_HIDDEN;
uint64_t tidelock_most_signals(void) TIDELOCK_HIDDEN;
void tidelock_restore_signals(const uint64_t *saved) TIDELOCK_HIDDEN;
uint64_t tidelock_blocked_signals(void) TIDELOCK_HIDDEN;

// MARK: Files. The C library's functions are cancellation points: a thread that switches or attaches
// would end in the middle of it.

/// Opens a file for reading.
int tidelock_open(const char *path) TIDELOCK_HIDDEN;
/// How many bytes it read; 0 at the end.
ssize_t tidelock_read(int file, void *buffer, size_t size) TIDELOCK_HIDDEN;
/// Reads from the beginning again; less than 0 if that cannot be.
int tidelock_rewind(int file) TIDELOCK_HIDDEN;
void tidelock_close(int file) TIDELOCK_HIDDEN;
/// Pages of one kind that lie together.
struct tidelock_mapping {
  uintptr_t low;
  uintptr_t high;
  int32_t protection;
  /// Whether what is written is not this process's alone.
  _Bool is_shared;
};
/// The first mapping that ends behind an address, asked of an open /proc/self/maps: 1; 0 if there is
/// none; less than 0 if the kernel answers no such questions (before Linux 6.11), and the file must be
/// read.
int tidelock_find_mapping(int maps, uintptr_t address,
                          struct tidelock_mapping *mapping) TIDELOCK_HIDDEN;
/// Writes to standard error, as far as that goes.
void tidelock_say(const char *text, size_t length) TIDELOCK_HIDDEN;

// MARK: Other threads

/// Opens /proc/self/task.
int tidelock_open_tasks(void) TIDELOCK_HIDDEN;
/// The threads of the process, as many as there is room for; how many there are, or less than 0.
/// Complete only if no thread ended meanwhile. No allocation, no lock.
int tidelock_list_tasks(int tasks, uint32_t *tids, int room) TIDELOCK_HIDDEN;
/// How many threads the process has, or less than 0.
int tidelock_count_tasks(int tasks) TIDELOCK_HIDDEN;
/// Which signals a thread blocks: 1; 0 if there is no such thread, or only its remains; less than 0 if
/// that could not be looked up.
int tidelock_task_blocks(int tasks, uint32_t tid, uint64_t *blocked) TIDELOCK_HIDDEN;
/// Whether /proc numbers threads as the process itself does: 1; 0 if it is another pid namespace's;
/// less than 0 if that could not be looked up.
int tidelock_knows_tasks(void) TIDELOCK_HIDDEN;

// MARK: Gathering

/// Whether nobody has put a handler for a signal, or only we did.
_Bool tidelock_gather_may_use(int signal) TIDELOCK_HIDDEN;
/// Installs the handler that gathers. In it all signals are blocked, or only its own.
int tidelock_gather_install(int signal, _Bool blocks_all) TIDELOCK_HIDDEN;
/// Sends a thread a signal.
int tidelock_gather_ask(int signal, uint32_t tid) TIDELOCK_HIDDEN;
/// Executes a core-serializing instruction.
void tidelock_serialize_core(void) TIDELOCK_HIDDEN;

// MARK: Code

// Not instrumented: ThreadSanitizer keeps no account of text, and crashes where it is to note a store to it.
void tidelock_store_code(uintptr_t address, uint8_t byte) TIDELOCK_HIDDEN;
/// One store; the address is a multiple of eight. Inlined, where the caller is not instrumented either: a switch
/// makes one for each site.
static inline __attribute__((no_sanitize("thread"))) void tidelock_store_code_word(
    uintptr_t address, uint64_t word) {
  *(volatile uint64_t *)address = word;
}
uint64_t tidelock_load_code(uintptr_t address, int count) TIDELOCK_HIDDEN;

/// The image and the symbol nearest below an address, as far as the dynamic linker knows them; NULL
/// and 0 what it does not. False if no image has the address.
int tidelock_find_symbol(uintptr_t address, const char **file, uintptr_t *base, const char **name,
                         uintptr_t *start) TIDELOCK_HIDDEN;

// MARK: Breakpoints

/// Where a trapped thread stands, and its first argument register.
uintptr_t tidelock_trap_instruction(const void *context) TIDELOCK_HIDDEN;
uintptr_t tidelock_trap_argument(const void *context) TIDELOCK_HIDDEN;
void tidelock_trap_resume(void *context, uintptr_t instruction) TIDELOCK_HIDDEN;
/// Puts the handler for SIGTRAP in place if it is not, keeping the one before it.
int tidelock_trap_install(void) TIDELOCK_HIDDEN;
/// Does what the handler before ours would have done.
void tidelock_trap_chain(int signal, siginfo_t *info, void *context) TIDELOCK_HIDDEN;

#ifdef __cplusplus
}
#endif

#endif
