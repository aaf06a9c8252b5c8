// A spinlock of Tidelock's for std::unique_lock, in a program that is compiled without exceptions.
#ifndef TIDELOCK_PROGRAMS_MUTEX_HPP
#define TIDELOCK_PROGRAMS_MUTEX_HPP

#include <tidelock/tidelock.h>

namespace tidelock_programs {

class mutex {
 public:
  mutex() = default;
  mutex(const mutex &) = delete;
  mutex &operator=(const mutex &) = delete;

  void lock() noexcept { tidelock_spin_lock(&lock_); }
  bool try_lock() noexcept { return tidelock_spin_trylock(&lock_); }
  void unlock() noexcept { tidelock_spin_unlock(&lock_); }

 private:
  tidelock_spinlock lock_ = TIDELOCK_SPINLOCK_FREE;
};

}  // namespace tidelock_programs
#endif
