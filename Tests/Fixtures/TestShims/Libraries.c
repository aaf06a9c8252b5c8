#define _GNU_SOURCE
#include <dlfcn.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>

#include "TestShims.h"

extern char **environ;

int test_run(const char *arguments) {
  char *copy = strdup(arguments), *rest = copy;
  char *argv[64];
  int count = 0;
  while (count < 63 && (argv[count] = strsep(&rest, "\n")) != NULL) count++;
  argv[count] = NULL;
  pid_t child;
  int code = posix_spawnp(&child, argv[0], NULL, NULL, argv, environ) == 0 ? test_wait(child) : 127;
  free(copy);
  return code;
}

uintptr_t test_open(const char *path) { return (uintptr_t)dlopen(path, RTLD_NOW | RTLD_LOCAL); }
void test_close(uintptr_t library) { dlclose((void *)library); }

static void *find(uintptr_t library, const char *name) {
  void *function = dlsym((void *)library, name);
  if (function == NULL) abort();
  return function;
}

void test_plugin_lock(uintptr_t library, uintptr_t lock) {
  ((void (*)(uintptr_t))find(library, "plugin_lock"))(lock);
}

void test_plugin_unlock(uintptr_t library, uintptr_t lock) {
  ((void (*)(uintptr_t))find(library, "plugin_unlock"))(lock);
}

void test_plugin_add(uintptr_t library, uintptr_t lock, uintptr_t counter, int count) {
  ((void (*)(uintptr_t, uintptr_t, int))find(library, "plugin_add"))(lock, counter, count);
}

size_t test_plugin_site_count(uintptr_t library) {
  return ((size_t(*)(void))find(library, "plugin_site_count"))();
}

uintptr_t test_plugin_site(uintptr_t library, size_t index) {
  return ((uintptr_t(*)(size_t))find(library, "plugin_site"))(index);
}
