// The core's state, its announcement, and what it offers (Core.swift has the bodies).
#define _GNU_SOURCE
#include <dlfcn.h>

#include "UserSpaceShims.h"

TIDELOCK_HIDDEN struct tidelock_state tidelock_state_ = {
    .images_lock = PTHREAD_MUTEX_INITIALIZER,
};
TIDELOCK_HIDDEN __thread uintptr_t tidelock_thread_self
    __attribute__((tls_model("initial-exec")));
TIDELOCK_HIDDEN __thread uintptr_t tidelock_thread_place
    __attribute__((tls_model("initial-exec")));
TIDELOCK_HIDDEN __thread uint64_t tidelock_thread_gathering
    __attribute__((tls_model("initial-exec")));

void tidelock_lock_images(void) { pthread_mutex_lock(&tidelock_state_.images_lock); }
void tidelock_unlock_images(void) { pthread_mutex_unlock(&tidelock_state_.images_lock); }
void tidelock_renew_images_lock(void) { pthread_mutex_init(&tidelock_state_.images_lock, NULL); }

int tidelock_make_exit_key(void (*leave)(void *record)) {
  return pthread_key_create(&tidelock_state_.exit_key, leave);
}

void tidelock_call_at_exit(uintptr_t record) {
  pthread_setspecific(tidelock_state_.exit_key, (void *)record);
}

void tidelock_pin(void) {
  Dl_info image;
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
void tidelock_core_attach(struct tidelock_image *image);
void tidelock_core_detach(struct tidelock_image *image);
void tidelock_core_perform(const void *request, void *outcome);
uint32_t tidelock_core_current(void);
uint64_t tidelock_core_count(uint32_t event);

__attribute__((used)) TIDELOCK_HIDDEN const struct tidelock_core tidelock_core = {
    .abi = TIDELOCK_ABI,
    .lock_slow = tidelock_core_lock_slow,
    .unlock_slow = tidelock_core_unlock_slow,
    .attach = tidelock_core_attach,
    .detach = tidelock_core_detach,
    .perform = tidelock_core_perform,
    .current = tidelock_core_current,
    .count = tidelock_core_count,
};

// The note that LockSites.c looks for: size of owner, size of content, type, owner, content.
__asm__(
    ".pushsection .note.tidelock,\"aR\",@note\n"
    ".p2align 2\n"
    "\t.long 9, 8, 1\n"
    "\t.asciz \"Tidelock\"\n"
    "\t.p2align 2\n"
    "\t.quad tidelock_core - .\n"
    ".popsection\n");
