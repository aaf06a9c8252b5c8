// Steps through a paravirtual unlock, instruction by instruction, and unwinds from each: by CFI as
// debuggers, profilers and the C++ runtime do, by frame pointers, and by ending the thread there.
#include "program.h"

#include <pthread.h>
#include <signal.h>
#include <ucontext.h>
#include <unwind.h>

static uint32_t word;
static volatile int steps, in_stub, in_thunk, elsewhere, destroyed, exit_at;

extern "C" void tidelock_unlock_slow_thunk(void) __attribute__((visibility("hidden")));

struct Destroyed {
  ~Destroyed() { destroyed = destroyed + 1; }
};

// The trap flag: a trap after each instruction.
static inline __attribute__((always_inline)) void step_from_here(void) {
  __asm__ volatile("pushfq\norl $0x100, (%%rsp)\npopfq" ::: "memory", "cc");
}
static inline __attribute__((always_inline)) void stop_stepping(void) {
  __asm__ volatile("pushfq\nandl $~0x100, (%%rsp)\npopfq" ::: "memory", "cc");
}

// Might throw, as far as the compiler knows: else nobody would clean up after release.
static void nothing(void) {}
static void (*volatile unknown)(void) = nothing;

extern "C" __attribute__((noinline)) void release(uint32_t *lock) {
  unknown();
  tidelock_unlock((uintptr_t)lock);
  __asm__ volatile("");
}

extern "C" __attribute__((noinline)) void middle(uint32_t *lock) {
  step_from_here();
  release(lock);
  stop_stepping();
  __asm__ volatile("");
}

extern "C" __attribute__((noinline)) void outer(uint32_t *lock) {
  Destroyed object;
  middle(lock);
  __asm__ volatile("");
}

// Of a return address: the function of the byte before.
static bool is_in(uintptr_t address, void (*function)(uint32_t *)) {
  return _Unwind_FindEnclosingFunction((void *)address) == (void *)function;
}

struct Found {
  bool release, middle, outer;
};

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *result) {
  Found *found = (Found *)result;
  uintptr_t address = _Unwind_GetIP(context);
  // The first frame stands at an instruction, which may be the function's first.
  found->release |= is_in(address, release) || is_in(address + 1, release);
  found->middle |= is_in(address, middle);
  found->outer |= is_in(address, outer);
  return _URC_NO_REASON;
}

static bool is_in_stub(uintptr_t address) {
  for (const struct tidelock_site *entry = __start_tidelock_sites; entry < &__stop_tidelock_sites[0];
       entry++) {
    uintptr_t stub = field_target(&entry->stub);
    if (address >= stub && address < stub + 31) return true;
  }
  return false;
}

static void handler(int, siginfo_t *, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  uintptr_t here = (uintptr_t)registers[REG_RIP], thunk = (uintptr_t)tidelock_unlock_slow_thunk;
  bool stub = is_in_stub(here), inside = here >= thunk && here < thunk + 44;
  steps = steps + 1;
  if (stub) in_stub = in_stub + 1;
  if (inside) in_thunk = in_thunk + 1;
  bool is_unlocking = stub || inside;
  if (!is_unlocking && !is_in(here + 1, release) && !is_in(here + 1, middle)) {
    elsewhere = elsewhere + 1;
    is_unlocking = true;
  }
  if (is_unlocking) {
    Found found = {false, false, false};
    _Unwind_Backtrace(note, &found);
    require(found.outer && found.middle, "a backtrace ends in the unlock");
    require(found.release, "a backtrace misses the function that unlocks");
  }
  if (stub || inside) {
    bool reached = false;
    for (uintptr_t *frame = (uintptr_t *)registers[REG_RBP]; !reached;) {
      uintptr_t *next = (uintptr_t *)frame[0];
      reached = is_in(frame[1], outer);
      require(reached || next > frame, "frame pointers do not lead out of the unlock");
      frame = next;
    }
  }
  if (exit_at != 0 && (stub || inside) && steps >= exit_at) pthread_exit(nullptr);
}

// The first that a thread does in the core gives it a record, with every signal blocked; a trap would
// end the process.
static void enroll(void) {
  uint32_t nobody_holds_it = 0;
  release(&nobody_holds_it);
}

static void *run(void *lock) {
  enroll();
  outer((uint32_t *)lock);
  exit_at = -1;
  return nullptr;
}

// With a lock that is held, and one that is not, which takes the unlock into the core.
static void step_through(uint32_t value) {
  exit_at = 0;
  word = value;
  outer(&word);
}

static void end_everywhere(uint32_t value) {
  int ended = 0;
  exit_at = 1;
  for (int at = 1; exit_at >= 0; at++, ended++) {
    pthread_t thread;
    word = value;
    steps = destroyed = 0;
    exit_at = at;
    pthread_create(&thread, nullptr, run, &word);
    pthread_join(thread, nullptr);
    require(destroyed == 1, "a destructor did not run as its thread ended in the unlock");
  }
  require(ended > 10, "threads did not end in the unlock");
}

int main() {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  require(program_switch(PARAVIRTUAL, 0) == 0, "a switch was refused");
  sigaction(SIGTRAP, &action, nullptr);
  enroll();
  step_through(1);
  require(in_stub == 4 && in_thunk == 0, "the unlock was not stepped through");
  step_through(0);
  require(in_stub == 12 && in_thunk == 24 && elsewhere > 10, "the core was not stepped through");
  end_everywhere(1);
  end_everywhere(0);
  return 0;
}
