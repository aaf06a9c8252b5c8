// Threads of a real-time policy, and how often a thread has slept.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "TestShims.h"

static _Bool pin(int processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET((size_t)processor, &one);
  return sched_setaffinity(0, sizeof one, &one) == 0;
}

int test_share_processor(void) {
  int processor = sched_getcpu();
  return pin(processor) ? processor : -1;
}

static _Bool become_real_time(void) {
  struct sched_param parameter = {.sched_priority = 1};
  // Not inherited by what the thread starts.
  return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameter) == 0;
}

_Bool test_become_real_time(int processor) { return pin(processor) && become_real_time(); }

_Bool test_may_be_real_time(void) {
  struct sched_param parameter = {0};
  if (!become_real_time()) return 0;
  return sched_setscheduler(0, SCHED_OTHER, &parameter) == 0;
}

uint64_t test_sleeps(uint32_t tid) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/self/task/%u/status", tid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t size = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  if (size < 0) return 0;
  text[size] = 0;
  // A thread that gives its processor away by sched_yield does not count as one that slept.
  const char *line = strstr(text, "\nvoluntary_ctxt_switches:");
  return line == NULL ? 0 : strtoull(line + strlen("\nvoluntary_ctxt_switches:"), NULL, 10);
}
