// What a shared library offers so that `benchmarks contended --peer NAME=FILE.so` measures its lock.
#ifndef TIDELOCK_PEER_H
#define TIDELOCK_PEER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Bytes of one lock, from 1 to 65,536. The benchmark puts the guarded word right behind them.
size_t peer_size(void);
/// Makes a free lock of memory that is zero and aligned to 128 bytes. Called once for each lock; the memory
/// is freed without a further call.
void peer_init(void *lock);
/// Takes the lock; acquires what the last owner's `peer_unlock` released. Any thread, at most 4,096 of them.
void peer_lock(void *lock);
/// Releases the lock, by the thread that took it.
void peer_unlock(void *lock);

#ifdef __cplusplus
}
#endif
#endif
