// What an unlock may change and what not. The native form changes nothing but the lock, so it is
// the measure for the other.
#define _GNU_SOURCE
#include <errno.h>
#include <immintrin.h>

#include "LockSites.h"
#include "TestShims.h"

// A function that is a site and little else: what lies between its entry and its return is the
// site, its stub and the thunk.
__attribute__((used, noinline)) void test_site_alone(uintptr_t lock) { tidelock_unlock(lock); }

// rdi: the lock, rsi: where to write. Every register gets a value of its own, as do the 128 bytes
// below the stack pointer of test_site_alone.
__asm__(
    ".text\n"
    ".globl test_state_after_unlock\n"
    ".type test_state_after_unlock, @function\n"
    "test_state_after_unlock:\n"
    "\tpushq %rbx\n\tpushq %rbp\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n"
    "\tpushq %rsi\n"
    "\tmovq $0x1111111111111101, %rbx\n"
    "\tmovq $0x1111111111111102, %rcx\n"
    "\tmovq $0x1111111111111103, %rdx\n"
    "\tmovq $0x1111111111111104, %rsi\n"
    "\tmovq $0x1111111111111105, %rbp\n"
    "\tmovq $0x1111111111111106, %r8\n"
    "\tmovq $0x1111111111111107, %r9\n"
    "\tmovq $0x1111111111111108, %r10\n"
    "\tmovq $0x1111111111111109, %r11\n"
    "\tmovq $0x111111111111110a, %r12\n"
    "\tmovq $0x111111111111110b, %r13\n"
    "\tmovq $0x111111111111110c, %r14\n"
    "\tmovq $0x111111111111110d, %r15\n"
    "\tmovq $-16, %rax\n"
    "1:\tmovq %rax, -8(%rsp,%rax,8)\n"
    "\tincq %rax\n"
    "\tjne 1b\n"
    "\tcall test_site_alone\n"
    "\tmovq (%rsp), %rax\n"
    "\tmovq %rbx, (%rax)\n"
    "\tmovq %rcx, 8(%rax)\n"
    "\tmovq %rdx, 16(%rax)\n"
    "\tmovq %rsi, 24(%rax)\n"
    "\tmovq %rdi, 32(%rax)\n"
    "\tmovq %rbp, 40(%rax)\n"
    "\tmovq %r8, 48(%rax)\n"
    "\tmovq %r9, 56(%rax)\n"
    "\tmovq %r10, 64(%rax)\n"
    "\tmovq %r11, 72(%rax)\n"
    "\tmovq %r12, 80(%rax)\n"
    "\tmovq %r13, 88(%rax)\n"
    "\tmovq %r14, 96(%rax)\n"
    "\tmovq %r15, 104(%rax)\n"
    "\tmovq $-16, %rcx\n"
    "2:\tmovq -8(%rsp,%rcx,8), %rdx\n"
    "\tmovq %rdx, 240(%rax,%rcx,8)\n"
    "\tincq %rcx\n"
    "\tjne 2b\n"
    "\tpopq %rsi\n"
    "\tpopq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbp\n\tpopq %rbx\n"
    "\tret\n"
    ".size test_state_after_unlock, . - test_state_after_unlock\n");

// MARK: Compiled code

// Each value is pinned to a register on both sides of the unlock; where it lives in between is the
// compiler's choice, by what the site declares to clobber.
#define IN_REGISTER(value) __asm__ volatile("" : "+r"(value))
#define IN_VECTOR(value) __asm__ volatile("" : "+x"(value))

uint64_t test_live_values(uintptr_t lock, uint64_t seed) {
  uint64_t a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11, e = seed * 13, f = seed * 17;
  uint64_t g = seed * 19, h = seed * 23, i = seed * 29, j = seed * 31, k = seed * 37;
  IN_REGISTER(a); IN_REGISTER(b); IN_REGISTER(c); IN_REGISTER(d); IN_REGISTER(e); IN_REGISTER(f);
  IN_REGISTER(g); IN_REGISTER(h); IN_REGISTER(i); IN_REGISTER(j); IN_REGISTER(k);
  tidelock_unlock(lock);
  IN_REGISTER(a); IN_REGISTER(b); IN_REGISTER(c); IN_REGISTER(d); IN_REGISTER(e); IN_REGISTER(f);
  IN_REGISTER(g); IN_REGISTER(h); IN_REGISTER(i); IN_REGISTER(j); IN_REGISTER(k);
  return a ^ (b << 1) ^ (c << 2) ^ (d << 3) ^ (e << 4) ^ (f << 5) ^ (g << 6) ^ (h << 7) ^
         (i << 8) ^ (j << 9) ^ (k << 10);
}

uint64_t test_live_vectors(uintptr_t lock, uint64_t seed) {
  double values[16];
  for (int i = 0; i < 16; i++) values[i] = (double)(seed % 1000 + (uint64_t)i);
  double a = values[0], b = values[1], c = values[2], d = values[3], e = values[4], f = values[5];
  IN_VECTOR(a); IN_VECTOR(b); IN_VECTOR(c); IN_VECTOR(d); IN_VECTOR(e); IN_VECTOR(f);
  tidelock_unlock(lock);
  IN_VECTOR(a); IN_VECTOR(b); IN_VECTOR(c); IN_VECTOR(d); IN_VECTOR(e); IN_VECTOR(f);
  return (uint64_t)(a + b * 2 + c * 3 + d * 5 + e * 7 + f * 11);
}

__attribute__((target("avx2"))) uint64_t test_live_wide_vectors(uintptr_t lock, uint64_t seed) {
  __m256i a = _mm256_set1_epi64x((long long)seed), b = _mm256_slli_epi64(a, 1);
  __m256i c = _mm256_slli_epi64(a, 2), d = _mm256_slli_epi64(a, 3);
  __m256i e = _mm256_slli_epi64(a, 4), f = _mm256_slli_epi64(a, 5);
  IN_VECTOR(a); IN_VECTOR(b); IN_VECTOR(c); IN_VECTOR(d); IN_VECTOR(e); IN_VECTOR(f);
  tidelock_unlock(lock);
  IN_VECTOR(a); IN_VECTOR(b); IN_VECTOR(c); IN_VECTOR(d); IN_VECTOR(e); IN_VECTOR(f);
  __m256i sum = _mm256_add_epi64(_mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d)),
                                 _mm256_add_epi64(e, f));
  uint64_t lanes[4];
  _mm256_storeu_si256((__m256i *)lanes, sum);
  return lanes[0] ^ (lanes[1] << 1) ^ (lanes[2] << 2) ^ (lanes[3] << 3);
}

_Bool test_has_wide_vectors(void) { return __builtin_cpu_supports("avx2"); }

int test_errno_after_lock(uintptr_t lock, int before) {
  errno = before;
  tidelock_lock(lock);
  return errno;
}

int test_errno_after_unlock(uintptr_t lock, int before) {
  errno = before;
  tidelock_unlock(lock);
  return errno;
}
