// Lets a C program that is written for pthread mutexes use Tidelock for some of them: include this instead
// of pthread.h and declare the hot locks `tidelock_spinlock` instead of `pthread_mutex_t`. Calls stay as they are: each takes the operations that the lock's type has, so a mutex
// that a condition variable waits with stays a pthread mutex.
//
// Not for locks that need what a spinlock lacks: recursion, error checking, robustness, process sharing.
#ifndef TIDELOCK_PTHREAD_H
#define TIDELOCK_PTHREAD_H

#include <errno.h>
#include <pthread.h>

#include <tidelock/tidelock.h>

static inline int tidelock_pthread_init(tidelock_spinlock *lock, const void *attributes) {
  // Attributes ask for what the lock does not have.
  if (attributes != NULL) return ENOTSUP;
  lock->word = 0;
  return 0;
}

static inline int tidelock_pthread_destroy(tidelock_spinlock *lock) {
  (void)lock;
  return 0;
}

static inline int tidelock_pthread_lock(tidelock_spinlock *lock) {
  tidelock_spin_lock(lock);
  return 0;
}

static inline int tidelock_pthread_trylock(tidelock_spinlock *lock) {
  return tidelock_spin_trylock(lock) ? 0 : EBUSY;
}

static inline int tidelock_pthread_unlock(tidelock_spinlock *lock) {
  tidelock_spin_unlock(lock);
  return 0;
}

// A macro's own name is not expanded again within it: the default is the function.
#define TIDELOCK_BY_TYPE(mutex, operation)                                                          \
  _Generic((mutex), tidelock_spinlock *: tidelock_pthread_##operation,                              \
           default: pthread_mutex_##operation)
#define pthread_mutex_init(mutex, attributes) TIDELOCK_BY_TYPE(mutex, init)(mutex, attributes)
#define pthread_mutex_destroy(mutex) TIDELOCK_BY_TYPE(mutex, destroy)(mutex)
#define pthread_mutex_lock(mutex) TIDELOCK_BY_TYPE(mutex, lock)(mutex)
#define pthread_mutex_trylock(mutex) TIDELOCK_BY_TYPE(mutex, trylock)(mutex)
#define pthread_mutex_unlock(mutex) TIDELOCK_BY_TYPE(mutex, unlock)(mutex)

#endif
