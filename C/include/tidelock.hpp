// Tidelock for C++11 and later: a spinlock for std::lock_guard, std::unique_lock and std::scoped_lock.
//
//     tidelock::spinlock lock;
//     { std::lock_guard<tidelock::spinlock> guard(lock); ... }
//
//     tidelock::switch_to(tidelock::set::native);
#ifndef TIDELOCK_HPP
#define TIDELOCK_HPP

#include <string>
#include <system_error>

#include "tidelock.h"

namespace tidelock {

/// Meets the requirements of Lockable. What tidelock.h says about its locks holds here, too.
class spinlock {
 public:
  constexpr spinlock() noexcept : lock_ TIDELOCK_SPINLOCK_FREE {}
  spinlock(const spinlock &) = delete;
  spinlock &operator=(const spinlock &) = delete;

  void lock() noexcept { tidelock_spin_lock(&lock_); }
  bool try_lock() noexcept { return tidelock_spin_trylock(&lock_); }
  void unlock() noexcept { tidelock_spin_unlock(&lock_); }

 private:
  tidelock_spinlock lock_;
};

/// The three sets of lock operations.
enum class set : uint32_t {
  native = TIDELOCK_NATIVE,
  paravirtual = TIDELOCK_PARAVIRTUAL,
  test_and_set = TIDELOCK_TEST_AND_SET
};

/// The set in force.
inline set current() noexcept { return static_cast<set>(tidelock_current()); }

#ifdef __cpp_exceptions
/// Switches (tidelock_switch) and returns the report as one line of JSON, truncated to 4,095 characters.
/// Throws std::system_error with a sentence that says what failed and the way out; without exceptions, call
/// tidelock_switch.
inline std::string switch_to(set wanted) {
  char words[4096];
  int error = tidelock_switch(static_cast<tidelock_set>(wanted), words, sizeof words);
  if (error != 0) throw std::system_error(error, std::generic_category(), words);
  return words;
}
#endif

}  // namespace tidelock
#endif
