// Lets db_bench of LevelDB read for a time instead of a number of times, and fail if a key was missing: a
// lock that stands still would otherwise have to be waited for, and a reader that finds nothing is fast.
#ifndef TIDELOCK_PROGRAMS_DEADLINE_HPP
#define TIDELOCK_PROGRAMS_DEADLINE_HPP

#include <signal.h>
#include <sys/time.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace deadline {

inline std::atomic<bool> &passed() {
  static std::atomic<bool> value(false);
  return value;
}

// Seconds from the first call, by any thread, as BENCHMARK_SECONDS says.
inline bool start() {
  const char *wanted = std::getenv("BENCHMARK_SECONDS");
  double whole = 0, fraction = std::modf(wanted ? std::atof(wanted) : 1, &whole);
  struct itimerval timer = {};
  passed();
  signal(SIGALRM, [](int) { passed().store(true, std::memory_order_relaxed); });
  timer.it_value.tv_sec = static_cast<time_t>(whole);
  timer.it_value.tv_usec = static_cast<suseconds_t>(fraction * 1e6);
  return setitimer(ITIMER_REAL, &timer, nullptr) == 0;
}

inline bool goes_on() {
  static const bool started = start();
  return started && !passed().load(std::memory_order_relaxed);
}

inline void expect(int found, int reads) {
  if (found == reads) return;
  std::fprintf(stderr, "%d of %d keys found\n", found, reads);
  std::exit(1);
}

}  // namespace deadline
#endif
