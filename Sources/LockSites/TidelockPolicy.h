// The lock policy for C and C++: what `LockPolicy.automatic` is in Swift.
#ifndef TIDELOCK_POLICY_H
#define TIDELOCK_POLICY_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Has a thread of its own choose the set of lock operations; if it does already, a set that was chosen by
/// name is given back to it. Children of a later fork have such a thread too if asked for. Returns 0, or
/// EAGAIN if there is no thread to be had. Any thread; not in a signal handler.
int tidelock_policy_start(bool in_children);
/// Ends that; the set in force stays. Waits for a switch that is under way.
void tidelock_policy_stop(void);

#ifdef __cplusplus
}
#endif

#endif
