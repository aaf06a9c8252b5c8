// What the tests need of C: fork, signal handlers that take locks, machine registers, seccomp.
// Locks are named by the address of their word, as in LockSites.h.
#ifndef TIDELOCK_TEST_SHIMS_H
#define TIDELOCK_TEST_SHIMS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// MARK: Processes

/// Ends the process by SIGALRM, with a word on stderr, if it still runs after so many seconds.
void test_deadline(unsigned seconds);
/// fork(2), which Swift does not offer.
pid_t test_fork(void);
/// waitpid(2): the exit code, or 256 and more for a signal; -1 if there is no such child.
int test_wait(pid_t child);
/// The kernel's number of the calling thread.
uint32_t test_thread_id(void);
/// From now on the kernel refuses this process memory that is both writable and executable, as a
/// hardened one does: anywhere, or where the range begins with the page of an address, if that is
/// not 0. False if there is no seccomp.
_Bool test_forbid_writable_text(uintptr_t page);
/// The same for text that is to be protected again: readable and executable, not writable.
_Bool test_forbid_protecting_text(void);
/// The same for a command of membarrier(2).
_Bool test_forbid_barrier(int command);
#define TEST_BARRIER 8
#define TEST_BARRIER_SYNC_CORE 32
/// Whether the program was compiled with optimization.
_Bool test_is_optimized(void);

/// Refuses this process writable text as PR_SET_MDWE does, for good. False if the kernel has no such
/// thing (before Linux 6.3).
_Bool test_deny_write_and_execute(void);
/// The children of this process, which has one thread, will be in a pid namespace of their own. False
/// if that is not allowed.
_Bool test_new_pid_namespace(void);

// MARK: Clocks and scheduling

/// From now on the timestamp counter differs by so much for the calling thread.
_Bool test_jump_clock(int64_t ticks);

/// Keeps the calling thread on the processor that it is on, whose number this is; -1 if it cannot be
/// kept.
int test_share_processor(void);
/// Makes the calling thread one of SCHED_FIFO on a processor.
_Bool test_become_real_time(int processor);
/// Whether a thread may be one.
_Bool test_may_be_real_time(void);
/// How often a thread has slept.
uint64_t test_sleeps(uint32_t tid);

// MARK: Ends of threads

/// Enters a lock's slow path when the calling thread ends, in each round of its destructors.
void test_lock_in_destructors(uintptr_t lock);
/// How many rounds there were, of all threads.
uint32_t test_destructions(void);

// MARK: Patch sites of this image

size_t test_site_count(void);
uintptr_t test_site_address(size_t index);
/// Takes this image's sites from the core, and gives them back.
void test_detach_image(void);
void test_attach_image(void);
/// Makes the pages of an address range readable, executable and, if so wanted, writable.
int test_protect_text(uintptr_t address, size_t size, _Bool writable);
void test_write_bytes(uintptr_t address, uint64_t bytes, int count);
uint64_t test_read_bytes(uintptr_t address, int count);

// MARK: Signal handlers that take locks

/// Contexts that can be nested on a thread: the thread itself (level 0) and five signals, each of
/// which interrupts those below it and not those above.
#define TEST_LEVELS 6

/// Installs the handlers. Each takes the lock of its level, works a little on what that lock guards
/// and releases it.
void test_nesting_install(void);
int test_nesting_signal(int level);
uintptr_t test_nesting_lock(int level);
/// What a handler does, for level 0: the thread itself.
void test_nesting_section(int level);
/// How often a level's section was entered, and what its lock guards says of it.
uint64_t test_nesting_entered(int level);
uint64_t test_nesting_counted(int level);
/// How often a lock was found taken by a context that had interrupted `depth` slow paths.
uint64_t test_nesting_waited(int depth);
/// Sections that somebody else was in, and calls that changed errno.
uint64_t test_nesting_violations(void);
uint64_t test_nesting_errno_changes(void);

/// A handler that keeps its thread until released.
void test_park_install(int signal);
uint32_t test_parked(void);
void test_park_release(void);

/// A handler that does nothing and ends system calls (no SA_RESTART).
void test_interrupt_install(int signal);

// MARK: Breakpoints of others

/// Installs a handler of SIGTRAP that counts, with or without SA_SIGINFO.
void test_trap_install(_Bool with_info);
/// Installs one that counts what the handler before it does not take, and passes on what is not at
/// `test_trap_execute`.
void test_trap_install_in_front(void);
/// Executes int3, and goes on behind it if a handler lets it.
void test_trap_execute(void);
uint32_t test_trap_count(void);
/// Whether the last one counted was at `test_trap_execute`, as far as its handler was told.
_Bool test_trap_was_ours(void);
/// Blocks or unblocks SIGTRAP in the calling thread.
void test_trap_block(_Bool blocked);

/// Releases a lock whose queue's head sleeps, and stops when the lock is free and nobody has been
/// woken yet, until `test_go_on`. Takes SIGTRAP for itself.
void test_unlock_in_two_halves(uintptr_t lock);
_Bool test_is_between_halves(void);
void test_go_on(void);

// MARK: Machine state across an unlock

/// General registers (rbx rcx rdx rsi rdi rbp r8-r15) and the 128 bytes below the stack, as they are
/// after an unlock that was entered with known values in all of them.
struct test_state {
  uint64_t registers[14];
  uint64_t red_zone[16];
};
void test_state_after_unlock(uintptr_t lock, struct test_state *state);
/// Computes with many live general and vector registers across an unlock; the results are the same
/// whatever the unlock is. `wide` uses 256-bit registers, if the processor has them.
uint64_t test_live_values(uintptr_t lock, uint64_t seed);
uint64_t test_live_vectors(uintptr_t lock, uint64_t seed);
uint64_t test_live_wide_vectors(uintptr_t lock, uint64_t seed);
_Bool test_has_wide_vectors(void);
/// Takes and releases a lock with errno set; what errno is afterwards.
int test_errno_after_lock(uintptr_t lock, int before);
int test_errno_after_unlock(uintptr_t lock, int before);

// MARK: Libraries with sites of their own (Tests/Fixtures/Plugin)

/// Runs a program found in PATH and waits for it: its exit code, 127 if there is none such. The
/// arguments are separated by line feeds.
int test_run(const char *arguments);
/// dlopen(3) with every symbol bound, and dlclose(3). 0 if it cannot be loaded; dlerror says why.
uintptr_t test_open(const char *path);
void test_close(uintptr_t library);
void test_plugin_lock(uintptr_t library, uintptr_t lock);
void test_plugin_unlock(uintptr_t library, uintptr_t lock);
void test_plugin_add(uintptr_t library, uintptr_t lock, uintptr_t counter, int count);
size_t test_plugin_site_count(uintptr_t library);
uintptr_t test_plugin_site(uintptr_t library, size_t index);

#endif
