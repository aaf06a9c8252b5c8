// What the environment says of the set a process starts in.
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "UserSpaceShims.h"

// In the order of LockSet's raw values.
static const char *const sets[] = {"native", "paravirtual", "test-and-set"};
enum { PARAVIRTUAL = 1, SETS = 3 };

static void name_wrong_value(const char *value) {
  static uint32_t is_named;
  static const char first[] = "tidelock: TIDELOCK_SET is \"";
  static const char last[] =
      "\", which is not native, paravirtual, test-and-set or auto; this process starts in "
      "paravirtual.\n";
  char text[sizeof first + 40 + sizeof last];
  size_t length = sizeof first - 1;
  if (__atomic_exchange_n(&is_named, 1, __ATOMIC_RELAXED) != 0) return;
  memcpy(text, first, length);
  for (size_t i = 0; i < 40 && value[i] != 0; i++) {
    // Nothing that a terminal would obey.
    text[length++] = value[i] < ' ' || value[i] > '~' ? '?' : value[i];
  }
  memcpy(text + length, last, sizeof last - 1);
  tidelock_say(text, length + sizeof last - 1);
}

void tidelock_name_refused_set(void) {
  static const char text[] =
      "tidelock: the kernel does not let text be written, so this process starts in paravirtual and "
      "not in the set that TIDELOCK_SET names.\n";
  if (__atomic_exchange_n(&tidelock_state_.is_first_set_refused, 0, __ATOMIC_RELAXED) == 0) return;
  tidelock_say(text, sizeof text - 1);
}

uintptr_t tidelock_own_text(void) { return (uintptr_t)&tidelock_own_text; }

// Nothing in a program that runs with its owner's privileges (setuid).
static const char *wanted_set(void) { return secure_getenv("TIDELOCK_SET"); }

static bool is_automatic(const char *value) { return value != NULL && strcmp(value, "auto") == 0; }

uint32_t tidelock_set_of_environment(void) {
  const char *value = wanted_set();
  // Empty is as good as not there.
  if (value == NULL || *value == 0 || is_automatic(value)) return PARAVIRTUAL;
  for (uint32_t set = 0; set < SETS; set++) {
    if (strcmp(value, sets[set]) == 0) return set;
  }
  name_wrong_value(value);
  return PARAVIRTUAL;
}

// Of the library; absent where only its core is linked.
int tidelock_policy_start(bool in_children) __attribute__((weak));

// The policy of a program that says nothing itself, from the first; and of its children.
//
// A constructor: the loader calls it where a thread may be started, which no waiter for a lock can know
// of the context it is in. In the image whose core the process has: a library that brings one as well
// would have a second policy switch the same locks.
__attribute__((constructor)) static void start_policy(void) {
  static const char refused[] =
      "tidelock: TIDELOCK_SET is auto, but no thread can be had for the policy (ulimit -u); this "
      "process stays in paravirtual.\n";
  if (!is_automatic(wanted_set()) || tidelock_policy_start == NULL) return;
  if (tidelock_process_core() != &tidelock_core) return;
  if (tidelock_policy_start(true) != 0) tidelock_say(refused, sizeof refused - 1);
}
