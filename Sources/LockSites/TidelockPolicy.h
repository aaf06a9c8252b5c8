// The lock policy for C and C++: what `LockPolicy.automatic` is in Swift.
#ifndef TIDELOCK_POLICY_H
#define TIDELOCK_POLICY_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Starts a thread that chooses the set of lock operations. If it runs already, it takes over again after a
/// set was chosen by name. On request, children of a later fork start such a thread too. Returns 0, or EAGAIN
/// if no thread can be created. Any thread; not in a signal handler.
int tidelock_policy_start(bool in_children);
/// Ends the thread; the set in force stays. Waits for a switch under way.
void tidelock_policy_stop(void);

#ifdef __cplusplus
}
#endif

#endif
