// The C beneath the program's platform, compiled with sanitizers: every function, with and without what
// it asks the kernel for. What is Swift elsewhere stands in here.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "UserSpaceShims.h"

static void require(int holds, const char *what) {
  if (holds) return;
  printf("%s\n", what);
  fflush(stdout);
  _exit(1);
}

// MARK: In place of Swift

static atomic_int attached, traps, gathered, left;

void tidelock_core_lock_slow(uintptr_t lock) { (void)lock; }
void tidelock_core_unlock_slow(uintptr_t lock) { (void)lock; }
// The child of a fork has the images' lock, as its parent had it.
void tidelock_core_start_child(void) {
  uint64_t saved;
  tidelock_renew_images_lock(&saved);
  tidelock_restore_signals(&saved);
}
void tidelock_core_attach(struct tidelock_image *image) {
  require(image != NULL, "no image");
  attached++;
}
void tidelock_core_detach(struct tidelock_image *image) {
  (void)image;
  attached--;
}
void tidelock_core_perform(const void *request, void *outcome) { memcpy(outcome, request, 1); }
uint32_t tidelock_core_current(void) { return 0; }
uint64_t tidelock_core_count(uint32_t event) { return event; }
uint64_t tidelock_core_stalled(void) { return 0; }
void tidelock_core_trap(int signal, siginfo_t *info, void *context) {
  traps++;
  require(tidelock_trap_instruction(context) != 0, "no instruction");
  (void)tidelock_trap_argument(context);
  // Ours; every other one is passed on.
  if (traps == 1) return tidelock_trap_resume(context, tidelock_trap_instruction(context));
  tidelock_trap_chain(signal, info, context);
}
void tidelock_core_gather(int signal, siginfo_t *info, void *context) {
  require(signal > 0 && info != NULL && context != NULL, "a handler without arguments");
  gathered++;
}

// MARK: Tests

static int chained;
static void before(int signal, siginfo_t *info, void *context) {
  require(signal == SIGTRAP && info != NULL && context != NULL, "a handler without arguments");
  chained++;
}

static void trap(void) {
  struct sigaction action = {.sa_sigaction = before, .sa_flags = SA_SIGINFO};
  sigaction(SIGTRAP, &action, NULL);
  require(tidelock_trap_install() == 0 && tidelock_trap_install() == 0, "no handler");
  for (int i = 0; i < 3; i++) __asm__ volatile("int3");
  require(traps == 3 && chained == 2, "breakpoints got lost");
}

static void gather(void) {
  uint64_t signals;
  require(tidelock_gather_may_use(SIGRTMAX) && !tidelock_gather_may_use(SIGTRAP), "signals in use");
  require(!tidelock_gather_may_use(1000), "a signal that is none");
  for (int blocks_all = 0; blocks_all < 2; blocks_all++) {
    require(tidelock_gather_install(SIGRTMAX, blocks_all != 0) == 0, "no handler");
    require(tidelock_gather_ask(SIGRTMAX, tidelock_tid()) == 0, "not asked");
    require(gathered == blocks_all + 1, "a signal got lost");
  }
  require(tidelock_gather_may_use(SIGRTMAX), "a signal of ours");
  require(tidelock_gather_ask(SIGRTMAX, 0x3fffffff) == -ESRCH, "a thread that is none");
  tidelock_block_signals(&signals);
  require(tidelock_blocked_signals() >> (SIGTRAP - 1) & 1, "not blocked");
  tidelock_restore_signals(&signals);
  tidelock_block_most_signals(&signals);
  require(!(tidelock_blocked_signals() >> (SIGTRAP - 1) & 1), "blocked");
  tidelock_restore_signals(&signals);
  require(tidelock_blocked_signals() == signals, "signals stay blocked");
  tidelock_serialize_core();
}

static void *stay(void *word) {
  while (__atomic_load_n((uint32_t *)word, __ATOMIC_ACQUIRE) == 0) tidelock_futex_wait((uintptr_t)word, 0);
  return NULL;
}

static void tasks(void) {
  enum { MANY = 200 };
  static uint32_t word;
  uint32_t tids[MANY + 1];
  uint64_t blocked = 1;
  pthread_t threads[MANY];
  int folder = tidelock_open_tasks();
  require(folder >= 0, "no tasks");
  for (int i = 0; i < MANY; i++) pthread_create(&threads[i], NULL, stay, &word);
  require(tidelock_list_tasks(folder, tids, MANY + 1) >= MANY + 1, "threads got lost");
  require(tidelock_list_tasks(folder, tids, 1) >= MANY + 1, "threads got lost without room");
  require(tidelock_count_tasks(folder) >= MANY + 1, "threads were not counted");
  require(tidelock_task_blocks(folder, tidelock_tid(), &blocked) == 1 && blocked == 0, "blocked");
  require(tidelock_task_blocks(folder, 0x3fffffff, &blocked) == 0, "a thread that is none");
  require(tidelock_task_blocks(folder, 0xffffffff, &blocked) == 0, "a thread that is none");
  require(tidelock_knows_tasks() == 1, "another namespace");
  struct rlimit all, none;
  getrlimit(RLIMIT_NOFILE, &all);
  none = all;
  none.rlim_cur = 0;
  setrlimit(RLIMIT_NOFILE, &none);
  require(tidelock_open_tasks() == -EMFILE && tidelock_knows_tasks() == -EMFILE, "descriptors");
  require(tidelock_task_blocks(folder, tidelock_tid(), &blocked) == -EMFILE, "descriptors");
  setrlimit(RLIMIT_NOFILE, &all);
  tidelock_close(folder);
  require(tidelock_list_tasks(folder, tids, 1) < 0 && tidelock_count_tasks(folder) < 0, "closed");
  __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
  for (int i = 0; i < MANY; i++) {
    tidelock_futex_wake((uintptr_t)&word);
    pthread_join(threads[i], NULL);
  }
}

static long guarded;
static void *count(void *unused) {
  for (int i = 0; i < 2000; i++) {
    tidelock_lock_images();
    guarded++;
    if (i % 100 == 0) tidelock_yield();
    tidelock_unlock_images();
  }
  return unused;
}

static void lock(void) {
  pthread_t threads[4];
  uint64_t signals;
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, count, NULL);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  require(guarded == 8000, "two had the lock");
  tidelock_lock_images();
  tidelock_renew_images_lock(&signals);
  tidelock_restore_signals(&signals);
  count(NULL);
}

static void leave(void *record) {
  require((uintptr_t)record == 64, "another record");
  left++;
}
static void *end(void *unused) {
  require(tidelock_call_at_exit(64) == 0, "no key");
  require(tidelock_self() == 0 && !tidelock_has_left() && tidelock_found_none() == 0, "not a new thread");
  tidelock_set_has_left();
  tidelock_set_found_none(7);
  require(tidelock_has_left() && tidelock_found_none() == 7, "thread-local");
  return unused;
}

static void memory(void) {
  char text[64];
  const char *file, *name;
  uintptr_t base, start, page = tidelock_map(8192);
  require(page != 0 && *(char *)(page + 8191) == 0, "no memory");
  require(tidelock_map((size_t)1 << 60) == 0, "too much memory");
  tidelock_store_code(page + 4095, 0xab);
  require(tidelock_load_code(page + 4088, 8) == (uint64_t)0xab << 56, "other bytes");
  tidelock_store_code_word(page, 0x0123456789abcdef);
  require(tidelock_load_code(page, 8) == 0x0123456789abcdef, "other bytes");
  require(tidelock_load_code(page, 5) == 0x6789abcdef, "other bytes");
  require(tidelock_protect(page, page + 4096, PROT_READ) == 0, "not protected");
  require(tidelock_protect(page + 1, page + 4096, PROT_READ) == -EINVAL, "half a page");
  tidelock_unmap(page, 8192);
  int maps = tidelock_open("/proc/self/maps");
  require(maps >= 0 && tidelock_read(maps, text, sizeof text) > 0, "no maps");
  tidelock_close(maps);
  require(tidelock_read(maps, text, sizeof text) < 0 && tidelock_open("/nowhere") == -ENOENT, "a file");
  tidelock_say("", 0);
  require(tidelock_find_symbol((uintptr_t)&tidelock_state_, &file, &base, &name, &start), "no image");
  require(!tidelock_find_symbol(16, &file, &base, &name, &start), "an image at 16");
}

int main(void) {
  pthread_t thread;
  alarm(100);
  require(attached == 1, "not attached");
  require(tidelock_make_exit_key(leave) == 0, "no key");
  pthread_create(&thread, NULL, end, NULL);
  pthread_join(thread, NULL);
  require(left == 1, "nobody learnt of a thread's end");
  uint64_t began = tidelock_nanoseconds();
  tidelock_sleep(1000);
  require(tidelock_nanoseconds() > began, "no time has passed");
  require(tidelock_barrier_register() == 0 && tidelock_barrier() == 0 && tidelock_barrier_sync_core() == 0, "no barrier");
  (void)tidelock_processor();
  memory();
  lock();
  tasks();
  trap();
  gather();
  char request = 5, outcome = 0;
  tidelock_process_core()->perform(&request, &outcome);
  require(outcome == 5 && tidelock_process_core()->count(3) == 3, "the core");
  return 0;
}
