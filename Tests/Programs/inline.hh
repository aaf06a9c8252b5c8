// Functions with locks that every file of a C++ program has a copy of.
#include <utility>

#include "program.h"

struct Guard {
  uint32_t *lock;
  explicit Guard(uint32_t *lock) : lock(lock) { tidelock_lock((uintptr_t)lock); }
  ~Guard() { tidelock_unlock((uintptr_t)lock); }
};

inline __attribute__((noinline)) int bump(uint32_t *lock, int *counter) {
  Guard guard(lock);
  return ++*counter;
}

// Constructors and destructors have groups of their own kind (C5, D5).
struct Counted {
  uint32_t *lock;
  int *counter;
  __attribute__((noinline)) Counted(uint32_t *lock, int *counter) : lock(lock), counter(counter) {
    bump(lock, counter);
  }
  __attribute__((noinline)) virtual ~Counted() {
    Guard guard(lock);
    ++*counter;
  }
};

template <typename Value> struct Box {
  uint32_t lock = 0;
  Value value{};
  template <typename Body> __attribute__((noinline)) Value with(Body body) {
    Guard guard(&lock);
    return body(value);
  }
};

// With a part that compilers move elsewhere (.text.unlikely).
inline __attribute__((noinline)) int bump_or_throw(uint32_t *lock, int *counter, bool fails) {
  Guard guard(lock);
  if (__builtin_expect(fails, 0)) throw ++*counter;
  return ++*counter;
}

inline uint32_t shared_lock;
inline int shared_counter;

inline int use_all(uint32_t *lock, int *counter) {
  Box<long> box;
  box.with([](long &value) { return ++value; });
  { Counted counted(lock, counter); }
  auto under = [lock, counter] { return bump(lock, counter); };
  under();
  try {
    bump_or_throw(lock, counter, *counter > 0);
  } catch (int) {
  }
  bump(&shared_lock, &shared_counter);
  return *counter;
}
