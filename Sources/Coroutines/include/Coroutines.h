// Coroutines whose whole state is bytes at fixed addresses, so that it can be copied and put back.
//
// A coroutine is one stack. While it does not run, all that it is lies between its saved stack
// pointer and the top of that stack: the callee-saved registers are pushed there. Whoever copies
// those bytes, and later writes them back to where they were, has put the coroutine back, provided
// that the code it runs keeps no state elsewhere (no heap, no thread-local data).
//
// One explorer runs its coroutines in one thread, and each thread has a mailbox of its own: several
// explorers run side by side, but a coroutine never leaves the thread that made it.
#ifndef TIDELOCK_COROUTINES_H
#define TIDELOCK_COROUTINES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What a coroutine asks of the explorer, and the answer.
struct coroutine_mailbox {
  uint64_t kind;
  uint64_t address;
  uint64_t first;
  uint64_t second;
  /// Where in the code it was asked: for reports.
  uint64_t site;
  /// Written by the explorer before it resumes.
  uint64_t answer;
  /// Which coroutine runs; written by the explorer.
  uint64_t runner;
  /// What all coroutines of this thread may read; the explorer's own.
  uint64_t context;
};

/// At a fixed distance from the thread pointer: as cheap as a global variable.
extern _Thread_local __attribute__((tls_model("initial-exec")))
struct coroutine_mailbox coroutine_mailbox;

/// The latest request. For the explorer.
static inline struct coroutine_mailbox coroutine_latest(void) { return coroutine_mailbox; }

/// Says which coroutine is resumed next, and with which answer. For the explorer.
static inline void coroutine_prepare(uint64_t runner, uint64_t answer) {
  coroutine_mailbox.runner = runner;
  coroutine_mailbox.answer = answer;
}

/// Which coroutine this is. For coroutines.
static inline uint32_t coroutine_self(void) { return (uint32_t)coroutine_mailbox.runner; }

/// The address that the explorer has last set in this thread; 0 before.
static inline uint64_t coroutine_context(void) { return coroutine_mailbox.context; }

/// Sets what `coroutine_context` returns in this thread. For the explorer.
static inline void coroutine_set_context(uint64_t context) { coroutine_mailbox.context = context; }

/// The kind of the request that a coroutine makes when its body has returned.
#define COROUTINE_FINISHED 0

/// Called by coroutines: stops this one, with a request, until the explorer resumes it; returns
/// the explorer's answer.
uint64_t coroutine_request(uint64_t kind, uint64_t address, uint64_t first, uint64_t second);

/// The same, never as the last thing that a function does: a jump would make the request seem to come
/// from that function's caller.
static inline uint64_t coroutine_ask(
    uint64_t kind, uint64_t address, uint64_t first, uint64_t second) {
  uint64_t answer = coroutine_request(kind, address, first, second);
  __asm__ volatile("");
  return answer;
}

/// Makes a coroutine that will call `body(argument)`: returns its first stack pointer. `top` is
/// the end of its stack, or any place in the stack of a stopped coroutine below all that is used.
uint64_t coroutine_make(uint64_t top, void (*body)(uint32_t), uint32_t argument);

/// Runs a coroutine until its next request; returns its new stack pointer.
uint64_t coroutine_resume(uint64_t stack_pointer);

/// Memory: zeroed, aligned to a page, with an unmapped page below. 0 if there is none. Pages that are
/// never touched cost nothing, however many they are.
uint64_t coroutine_map(uint64_t bytes);

/// Gives it back.
void coroutine_unmap(uint64_t address, uint64_t bytes);

#ifdef __cplusplus
}
#endif

#endif
