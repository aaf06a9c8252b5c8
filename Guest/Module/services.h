/* SPDX-License-Identifier: MIT */
/*
 * What the C files and the Swift half offer each other. Read by both compilers, so it names no kernel
 * type. Contracts are with the definitions.
 */
#ifndef TIDELOCK_SERVICES_H
#define TIDELOCK_SERVICES_H

#ifdef __swift__
#define SWIFT_NAME(name) __attribute__((swift_name(#name)))
#else
#define SWIFT_NAME(name)
#endif

typedef unsigned long word;

/* ---- Messages ---- */
void tidelock_c_log(const unsigned char *text, int size) SWIFT_NAME(kernelLog(_:_:));
void tidelock_c_log_often(const unsigned char *text, int size) SWIFT_NAME(kernelLogOften(_:_:));
const unsigned char *tidelock_c_symbol_name(word address) SWIFT_NAME(symbolName(_:));

/* ---- Memory and files ---- */
void *tidelock_c_allocate(word size) SWIFT_NAME(allocate(_:));
void tidelock_c_free(void *memory, word size) SWIFT_NAME(free(_:_:));
long tidelock_c_read_file(const unsigned char *path, void **content) SWIFT_NAME(readFile(_:_:));
void tidelock_c_close(void *content) SWIFT_NAME(closeFile(_:));
const unsigned char *tidelock_c_sites_path(void) SWIFT_NAME(sitesPath());

_Bool tidelock_c_all_protocols(void) SWIFT_NAME(mayChooseAnyProtocol());

/* ---- The kernel ---- */
word tidelock_c_symbol(const unsigned char *name) SWIFT_NAME(kernelSymbol(_:));
const unsigned char *tidelock_c_release(void) SWIFT_NAME(kernelRelease());
const unsigned char *tidelock_c_version(void) SWIFT_NAME(kernelVersion());
word tidelock_c_possible_cpus(void) SWIFT_NAME(possibleCPUs());

/* ---- Code ---- */
void tidelock_c_lock_text(void) SWIFT_NAME(lockText());
void tidelock_c_unlock_text(void) SWIFT_NAME(unlockText());
_Bool tidelock_c_read_code(void *into, word address, word size) SWIFT_NAME(readCode(_:_:_:));
void tidelock_c_write_code(word address, unsigned long long bytes, word size) SWIFT_NAME(writeCode(_:_:_:));
void tidelock_c_write_mapped_code(word place, unsigned long long bytes, word size)
	SWIFT_NAME(writeMappedCode(_:_:_:));
void tidelock_c_serialize(void) SWIFT_NAME(serialize());

word tidelock_c_map_text(const word *pages, word count) SWIFT_NAME(mapText(_:_:));
void tidelock_c_unmap_text(word mapping) SWIFT_NAME(unmapText(_:));

/* ---- perf ---- */
void tidelock_c_note_text(word site, word address) SWIFT_NAME(noteText(_:_:));
void tidelock_c_tell_text(word site, word address, unsigned int first) SWIFT_NAME(tellText(_:_:_:));

/* ---- Probes ---- */
void tidelock_c_lock_probes(void) SWIFT_NAME(lockProbes());
void tidelock_c_unlock_probes(void) SWIFT_NAME(unlockProbes());
word tidelock_c_probe_covering(word site) SWIFT_NAME(probe(covering:));
_Bool tidelock_c_forbid_probes(word site) SWIFT_NAME(forbidProbes(onSite:));
_Bool tidelock_c_forbid_probes_here(void) SWIFT_NAME(forbidProbesInThisModule());
void tidelock_c_allow_probes(void) SWIFT_NAME(allowProbes());

/* ---- Each CPU ---- */
#define TIDELOCK_CPU_AREA 256
#define TIDELOCK_SHARED_WORDS 16
word tidelock_c_area(unsigned int cpu) SWIFT_NAME(area(of:));
word tidelock_c_own_area(void) SWIFT_NAME(ownArea());
word tidelock_c_shared(void) SWIFT_NAME(sharedWords());
unsigned int tidelock_c_cpu(void) SWIFT_NAME(thisCPU());
unsigned int tidelock_c_cpu_end(void) SWIFT_NAME(cpuNumbersEnd());
unsigned int tidelock_c_online_from(unsigned int cpu) SWIFT_NAME(firstOnline(from:));
int tidelock_c_met_in(void) SWIFT_NAME(contextOfBreakpoint());

/* ---- All CPUs ---- */
_Bool tidelock_c_gather(_Bool in_nmi) SWIFT_NAME(gatherCPUs(inNMI:));
void tidelock_c_serialize_core(void) SWIFT_NAME(serializeCore());
void tidelock_c_serialize_by_nmi(void) SWIFT_NAME(serializeByNMI());
void tidelock_c_begin_barrier(void) SWIFT_NAME(beginBarriers());
_Bool tidelock_c_barriers_left(void) SWIFT_NAME(areBarriersLeft());

/* ---- Waiting for CPUs ---- */
word tidelock_c_begin_grace_period(void) SWIFT_NAME(beginGracePeriod());
_Bool tidelock_c_grace_period_is_over(word cookie) SWIFT_NAME(gracePeriodIsOver(_:));
void tidelock_c_interrupt_all(void) SWIFT_NAME(interruptAll());
void tidelock_c_pass_preemption(void) SWIFT_NAME(passPreemption());
void tidelock_c_rest(void) SWIFT_NAME(shortRest());
void tidelock_c_relax(void) SWIFT_NAME(relax());
/* No instruction, but the compiler moves nothing across. */
static inline __attribute__((always_inline)) void tidelock_c_compiler_barrier(void)
	SWIFT_NAME(compilerBarrier());
static inline __attribute__((always_inline)) void tidelock_c_compiler_barrier(void)
{
	__asm__ volatile("" : : : "memory");
}
unsigned long long tidelock_c_nanoseconds(void) SWIFT_NAME(nanosecondsNow());
void tidelock_c_set_clocks(void) SWIFT_NAME(setClocks());
void tidelock_c_hold_cpus(void) SWIFT_NAME(holdCPUs());
void tidelock_c_release_cpus(void) SWIFT_NAME(releaseCPUs());

/* ---- What the kernel knows about its lock operations ---- */
#define TIDELOCK_UNLOCK 1
word tidelock_c_operation(int operation) SWIFT_NAME(kernelOperation(_:));
void tidelock_c_set_operation(int operation, word function, _Bool paravirtual)
	SWIFT_NAME(setKernelOperation(_:_:_:));
unsigned int tidelock_c_forced(void) SWIFT_NAME(forcedCapabilities());
void tidelock_c_restore_forced(unsigned int forced) SWIFT_NAME(restoreForcedCapabilities(_:));
_Bool tidelock_c_key_is_set(word key) SWIFT_NAME(keyIsSet(_:));
void tidelock_c_set_key(word key, _Bool set) SWIFT_NAME(setKey(_:_:));

/* ---- Where it runs ---- */
_Bool tidelock_c_is_xen_pv(void) SWIFT_NAME(isXenPV());
_Bool tidelock_c_is_tdx(void) SWIFT_NAME(isTDX());
_Bool tidelock_c_is_state_encrypted(void) SWIFT_NAME(isStateEncrypted());
_Bool tidelock_c_is_debugger_registered(void) SWIFT_NAME(isDebuggerRegistered());

/* ---- Modules ---- */
_Bool tidelock_c_is_blocked(void) SWIFT_NAME(isBlocked());
const unsigned char *tidelock_c_blocking_module(void) SWIFT_NAME(blockingModule());
_Bool tidelock_c_keep(void) SWIFT_NAME(keepModule());
void tidelock_c_let_go(void) SWIFT_NAME(letModuleGo());

/* ---- Hypervisors ---- */
const unsigned char *tidelock_c_hypervisor(void) SWIFT_NAME(hypervisorName());
_Bool tidelock_c_kvm_kicks(void) SWIFT_NAME(kvmKicks());
_Bool tidelock_c_kvm_steal_time(void) SWIFT_NAME(kvmStealTime());
_Bool tidelock_c_kvm_dedicates(void) SWIFT_NAME(kvmDedicates());

int tidelock_c_kvm_hint(void) SWIFT_NAME(kvmHint());

/* ---- The policy ---- */
void tidelock_c_lock_policy(void) SWIFT_NAME(lockPolicy());
void tidelock_c_unlock_policy(void) SWIFT_NAME(unlockPolicy());
void tidelock_c_lock_control(void) SWIFT_NAME(lockControl());
void tidelock_c_unlock_control(void) SWIFT_NAME(unlockControl());
void tidelock_c_look_later(void) SWIFT_NAME(lookLater());
_Bool tidelock_c_steal_is_counted(void) SWIFT_NAME(stealIsCounted());
unsigned int tidelock_c_cpu_times(long long *stolen, long long *ran) SWIFT_NAME(cpuTimes(_:_:));

/* ---- Later ---- */
void tidelock_c_retry_later(unsigned long long milliseconds) SWIFT_NAME(retryLater(_:));
unsigned long long tidelock_c_hint_period(void) SWIFT_NAME(hintPeriod());
void tidelock_c_set_hint_period(unsigned long long milliseconds) SWIFT_NAME(setHintPeriod(_:));

/* ---- Addresses of what sites may call ---- */
word tidelock_c_gate(void) SWIFT_NAME(gateAddress());
word tidelock_c_counted(void) SWIFT_NAME(countedSlowPathAddress());
/* The paravirtual unlock, in any context. */
void tidelock_c_paravirtual_unlock(word lock) SWIFT_NAME(paravirtualUnlock(_:));
word tidelock_c_wait(void) SWIFT_NAME(haltingWaitAddress());
/* Halts with interrupts on (0) and off (1), kicks by interrupt (2) and by NMI (3). */
word tidelock_c_halt_count(int number) SWIFT_NAME(haltCount(_:));
word tidelock_c_kick(void) SWIFT_NAME(haltingKickAddress());

/* ---- In Swift ---- */
#ifndef __swift__
long tidelock_load(void);
void tidelock_unload(void);
long tidelock_show(int file, char *page, long size);
long tidelock_store(int file, const char *text, long size);
_Bool tidelock_breakpoint(word *ip, word *sp, word di);
_Bool tidelock_module_coming(const char *name, word text, word size);
_Bool tidelock_has_sites(word text, word size);
void tidelock_hint(_Bool dedicated);
void tidelock_retry(void);
long tidelock_policy_begin(const char *mode, long size);
void tidelock_policy_end(void);
void tidelock_policy_look(void);
_Bool tidelock_policy_switches(void);
long tidelock_policy_show(char *page, long size);
long tidelock_policy_store(const char *text, long size);
long tidelock_policy_decisions(char *text, long size);
void tidelock_gate(word lock, unsigned int value);
void tidelock_counted_slow_path(word lock, unsigned int value);
void tidelock_gathered(void);
void tidelock_nmi_begins(unsigned int cpu);
void tidelock_nmi_ends(unsigned int cpu);
_Bool tidelock_claims_nmi(unsigned int recognised);
void tidelock_settle_nmis(void);
void tidelock_pass_barrier(void);
#endif

#endif
