// absl::Mutex, of Abseil.
#include <absl/synchronization/mutex.h>

#include <new>

#include "peer.h"

static_assert(alignof(absl::Mutex) <= 128, "memory of peers is aligned to 128 bytes");

size_t peer_size(void) { return sizeof(absl::Mutex); }
void peer_init(void *lock) { new (lock) absl::Mutex; }
void peer_lock(void *lock) { static_cast<absl::Mutex *>(lock)->Lock(); }
void peer_unlock(void *lock) { static_cast<absl::Mutex *>(lock)->Unlock(); }
