// The first switches by each protocol, a library that comes and a fork, with hooks over what the Swift
// runtime and the C library allocate and lock with: nothing of that is asked for by whoever has the
// images' lock, which the loader, the allocator and fork may be waiting for.
#include "program.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern void *__libc_malloc(size_t size);
static volatile long calls;

// Whoever has the lock takes no signal but those that an instruction raises.
static int has_images_lock(void) {
  uint64_t mask = 0, traps = 0;
  static const int raised[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS};
  for (unsigned i = 0; i < sizeof raised / sizeof *raised; i++) {
    traps |= (uint64_t)1 << (raised[i] - 1);
  }
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof mask);
  return mask == (~traps & ~((uint64_t)1 << (SIGKILL - 1)) & ~((uint64_t)1 << (SIGSTOP - 1)));
}

__attribute__((used)) void note_call(const char *name) {
  calls++;
  if (!has_images_lock()) return;
  static const char text[] = " is called with the images' lock held\n";
  (void)!write(1, name, strlen(name));
  (void)!write(1, text, sizeof text - 1);
  _exit(1);
}

void *malloc(size_t size) {
  note_call("malloc");
  return __libc_malloc(size);
}

// Goes on to the function of that name in the library that has it, with all its arguments.
#define HOOK(function)                                                                             \
  __attribute__((used)) void *real_##function;                                                     \
  static const char *const name_##function = #function;                                            \
  __attribute__((used)) void note_##function(void) { note_call(name_##function); }                 \
  __asm__(".text\n.globl " #function "\n.type " #function ", @function\n" #function ":\n"          \
          "\tpushq %rax\n\tpushq %rdi\n\tpushq %rsi\n\tpushq %rdx\n\tpushq %rcx\n\tpushq %r8\n"    \
          "\tpushq %r9\n\tpushq %r10\n\tpushq %rbp\n\tmovq %rsp, %rbp\n\tandq $-16, %rsp\n"        \
          "\tcall note_" #function "\n"                                                            \
          "\tmovq %rbp, %rsp\n\tpopq %rbp\n\tpopq %r10\n\tpopq %r9\n\tpopq %r8\n\tpopq %rcx\n"     \
          "\tpopq %rdx\n\tpopq %rsi\n\tpopq %rdi\n\tpopq %rax\n\tjmp *real_" #function "(%rip)\n"  \
          ".size " #function ", . - " #function "\n");
#define HOOKS(each)                                                                                \
  each(swift_allocObject) each(swift_slowAlloc) each(swift_getGenericMetadata)                     \
      each(swift_getWitnessTable) each(swift_getAssociatedTypeWitness) each(swift_once)            \
          each(swift_getTypeByMangledNameInContext2) each(swift_getForeignTypeMetadata)            \
              each(swift_checkMetadataState) each(pthread_mutex_lock) each(__register_atfork)
HOOKS(HOOK)

#define FIND(function) real_##function = dlsym(RTLD_NEXT, #function);
static void find(void) { HOOKS(FIND) }
// Before the constructors of libraries.
__attribute__((section(".preinit_array"), used)) static void (*find_first)(void) = find;

int main(int count, char **arguments) {
  static uint32_t lock;
  int status;
  (void)count;
  alarm(60);
  tidelock_lock((uintptr_t)&lock);
  tidelock_unlock((uintptr_t)&lock);
  for (int set = PARAVIRTUAL; set <= TEST_AND_SET; set++) {
    for (int method = 0; method < 2; method++) {
      require(program_switch(NATIVE, method) == 0, "a switch was refused");
      void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
      require(library != NULL, "the library was not loaded");
      require(program_switch(set, method) == 0, "a switch was refused");
      dlclose(library);
      pid_t child = fork();
      if (child == 0) _exit(program_current() != set);
      require(waitpid(child, &status, 0) == child && status == 0, "the child failed");
    }
  }
  require(calls > 0, "no hook was called");
  return 0;
}
