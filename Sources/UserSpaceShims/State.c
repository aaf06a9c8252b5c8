// The core's state, its announcement, and what it offers (Core.swift has the bodies).
#define _GNU_SOURCE
#include <dlfcn.h>

#include "UserSpaceShims.h"

TIDELOCK_HIDDEN struct tidelock_state tidelock_state_;
TIDELOCK_HIDDEN __thread uintptr_t tidelock_thread_self
    __attribute__((tls_model("initial-exec")));
TIDELOCK_HIDDEN __thread _Bool tidelock_thread_has_left
    __attribute__((tls_model("initial-exec")));
TIDELOCK_HIDDEN __thread uint32_t tidelock_thread_found_none
    __attribute__((tls_model("initial-exec")));
TIDELOCK_HIDDEN __thread uintptr_t tidelock_thread_place
    __attribute__((tls_model("initial-exec")));
TIDELOCK_HIDDEN __thread uint64_t tidelock_thread_gathering
    __attribute__((tls_model("initial-exec")));

// A mutex on a futex (Drepper, "Futexes Are Tricky"): 0 free, 1 taken, 2 taken and perhaps waited
// for. Not the C library's, whose functions others put theirs in front of.
//
// Its owner takes no signal of the program's but those that an instruction raises: a handler over it could
// load a library, fork or switch, and wait for itself; nor can it be cancelled. A waiter takes them all:
// stopMachine may be asking it to gather.
enum { FREE, TAKEN, AWAITED };

void tidelock_lock_images(void) {
  uint32_t *word = &tidelock_state_.images_lock, mark = TAKEN, seen = FREE;
  uint64_t saved;
  tidelock_block_most_signals(&saved);
  // Acquiring; pairs with the release in `tidelock_unlock_images`.
  while (!__atomic_compare_exchange_n(word, &seen, mark, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    tidelock_restore_signals(&saved);
    // Whoever has slept cannot know whether others sleep, and takes the lock as awaited.
    mark = AWAITED;
    if (seen == AWAITED || __atomic_compare_exchange_n(word, &seen, AWAITED, 0, __ATOMIC_RELAXED,
                                                       __ATOMIC_RELAXED)) {
      tidelock_futex_wait((uintptr_t)word, AWAITED);
    }
    seen = FREE;
    tidelock_block_most_signals(&saved);
  }
  tidelock_state_.images_signals = saved;
}

void tidelock_unlock_images(void) {
  uint64_t saved = tidelock_state_.images_signals;
  if (__atomic_exchange_n(&tidelock_state_.images_lock, FREE, __ATOMIC_RELEASE) == AWAITED) {
    tidelock_futex_wake((uintptr_t)&tidelock_state_.images_lock);
  }
  tidelock_restore_signals(&saved);
}

void tidelock_renew_images_lock(uint64_t *saved) {
  *saved = tidelock_state_.images_signals;
  // Nobody waits: there is only this thread.
  __atomic_store_n(&tidelock_state_.images_lock, FREE, __ATOMIC_RELAXED);
}

int tidelock_make_exit_key(void (*leave)(void *record)) {
  return pthread_key_create(&tidelock_state_.exit_key, leave);
}

int tidelock_call_at_exit(uintptr_t record) {
  return -pthread_setspecific(tidelock_state_.exit_key, (void *)record);
}

// Absent from a static program, where there is nothing to pin.
extern __typeof__(dlopen) dlopen __attribute__((weak));

// Whether the core's image is to stay: not before the images' lock is free, because this asks the
// loader, which may be waiting for it, and which runs the core's own constructors if they have not
// run yet.
static void pin(void) {
  static uint32_t is_pinned;
  Dl_info image;
  if (__atomic_exchange_n(&is_pinned, 1, __ATOMIC_RELAXED) != 0 || &dlopen == NULL) return;
  // The handle is never closed. Fails for the main program.
  if (dladdr(&tidelock_state_, &image) != 0 && image.dli_fname != NULL) {
    dlopen(image.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  }
}

int tidelock_find_symbol(uintptr_t address, const char **file, uintptr_t *base, const char **name,
                         uintptr_t *start) {
  Dl_info image;
  if (dladdr((void *)address, &image) == 0) return 0;
  *file = image.dli_fname;
  *base = (uintptr_t)image.dli_fbase;
  *name = image.dli_sname;
  *start = (uintptr_t)image.dli_saddr;
  return 1;
}

void tidelock_core_lock_slow(uintptr_t lock);
void tidelock_core_unlock_slow(uintptr_t lock);
void tidelock_core_start_child(void);
void tidelock_core_attach(struct tidelock_image *image);
void tidelock_core_detach(struct tidelock_image *image);
void tidelock_core_perform(const void *request, void *outcome);
uint32_t tidelock_core_current(void);
uint64_t tidelock_core_count(uint32_t event);
uint64_t tidelock_core_stalled(void);

// MARK: Beginning and end of the process

static uint32_t is_exiting;

// Runs when the program calls exit or returns from main, before any image detaches. From here on no
// switch begins, and one that is under way still knows every site: images detach no more.
static void begin_exit(void *unused) {
  (void)unused;
  __atomic_store_n(&tidelock_state_.is_ready, 3, __ATOMIC_RELAXED);
  __atomic_store_n(&is_exiting, 1, __ATOMIC_RELAXED);
}

int __cxa_atexit(void (*function)(void *), void *argument, void *image);

// Before the images' lock is taken, because the C library keeps its handlers under a lock of its own,
// and allocates for them: a fork may be waiting there for the images' lock.
static void handle_forks(void) {
  static uint32_t is_installed;
  if (__atomic_exchange_n(&is_installed, 1, __ATOMIC_RELAXED) != 0) return;
  pthread_atfork(tidelock_lock_images, tidelock_unlock_images, tidelock_core_start_child);
}

// The loader runs the constructors of libraries in an order of its own: an image may attach before
// those of the core's library, and of the libraries that one needs. Pinning runs them.
static void attach(struct tidelock_image *image) {
  pin();
  handle_forks();
  // Relaxed: the images' lock publishes it. It counts only before the first image is attached.
  __atomic_store_n(&tidelock_state_.first_set, tidelock_set_of_environment(), __ATOMIC_RELAXED);
  tidelock_core_attach(image);
  tidelock_name_refused_set();
}

// When the process ends, images stay where they are, and what is left of its threads and handlers
// goes on executing their sites.
static void detach(struct tidelock_image *image) {
  if (__atomic_load_n(&is_exiting, __ATOMIC_RELAXED) == 0) tidelock_core_detach(image);
}

static void perform(const void *request, void *outcome) {
  // Handlers run in reverse order: registered by the first switch, this one comes before the
  // loader's, which ends images. Of no image, lest it be run when the core's ends.
  static uint32_t is_registered;
  if (__atomic_exchange_n(&is_registered, 1, __ATOMIC_RELAXED) == 0) {
    __cxa_atexit(begin_exit, NULL, NULL);
  }
  tidelock_core_perform(request, outcome);
}

#define CORE(version)                                                                              \
  {                                                                                                \
      .abi = (version),                                                                            \
      .size = sizeof(struct tidelock_core),                                                        \
      .lock_slow = tidelock_core_lock_slow,                                                        \
      .unlock_slow = tidelock_core_unlock_slow,                                                    \
      .attach = attach,                                                                            \
      .detach = detach,                                                                            \
      .perform = perform,                                                                          \
      .current = tidelock_core_current,                                                            \
      .count = tidelock_core_count,                                                                \
      .holds = tidelock_holds,                                                                     \
      .note = tidelock_note,                                                                       \
      .stalled = tidelock_core_stalled,                                                            \
  }

__attribute__((used)) TIDELOCK_HIDDEN const struct tidelock_core tidelock_core = CORE(TIDELOCK_ABI);

// What images of version 1 look for. Their fast path compares the whole word and passes nobody, which is
// sound beside queues that claim the byte.
__attribute__((used)) TIDELOCK_HIDDEN const struct tidelock_core tidelock_core_1 = CORE(1);

// The notes that LockSites.c looks for: size of owner, size of content, type, owner, content.
__asm__(
    ".pushsection .note.tidelock,\"aR\",@note\n"
    ".p2align 2\n"
    "\t.long 9, 8, 2\n"
    "\t.asciz \"Tidelock\"\n"
    "\t.p2align 2\n"
    "\t.quad tidelock_core - .\n"
    "\t.long 9, 8, 1\n"
    "\t.asciz \"Tidelock\"\n"
    "\t.p2align 2\n"
    "\t.quad tidelock_core_1 - .\n"
    ".popsection\n");
_Static_assert(TIDELOCK_ABI == 2, "a note for each version that this core serves");
