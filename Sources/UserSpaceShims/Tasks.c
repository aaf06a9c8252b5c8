// The threads of the process, without allocation and without a lock: some of them may be held in
// the middle of malloc while this is asked.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "RawSystemCall.h"
#include "UserSpaceShims.h"

struct entry {
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

int tidelock_open_tasks(void) {
  return (int)tidelock_call(SYS_openat, AT_FDCWD, (long)"/proc/self/task",
                            O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

static uint32_t number(const char *name) {
  uint32_t value = 0;
  for (; *name >= '0' && *name <= '9'; name++) value = value * 10 + (uint32_t)(*name - '0');
  return value;
}

int tidelock_list_tasks(int tasks, uint32_t *tids, int room) {
  _Alignas(8) char buffer[4096];
  int count = 0;
  long result = tidelock_rewind(tasks);
  if (result < 0) return (int)result;
  while ((result = tidelock_call(SYS_getdents64, tasks, (long)buffer, sizeof buffer, 0)) > 0) {
    for (long at = 0; at < result;) {
      const struct entry *entry = (const struct entry *)(buffer + at);
      uint32_t tid = number(entry->name);
      if (tid != 0) {
        if (count < room) tids[count] = tid;
        count++;
      }
      at += entry->length;
    }
  }
  return result < 0 ? (int)result : count;
}

int tidelock_count_tasks(int tasks) {
  struct stat status;
  // One link for each thread, besides the folder's own two.
  if (tidelock_call(SYS_fstat, tasks, (long)&status, 0, 0) != 0) return -1;
  return (int)status.st_nlink - 2;
}

// What follows a key in a text, or NULL.
static const char *find(const char *text, const char *key) {
  for (; *text != 0; text++) {
    const char *a = text, *b = key;
    while (*b != 0 && *a == *b) a++, b++;
    if (*b == 0) return a;
  }
  return NULL;
}

// Reads a file of a folder, as far as there is room, and closes it: how many bytes, or less than 0.
static long read_text(int folder, const char *path, char *text, long room) {
  long file = tidelock_call(SYS_openat, folder, (long)path, O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return file;
  long size = 0, got = 0;
  while (size < room - 1) {
    got = tidelock_read((int)file, text + size, (size_t)(room - 1 - size));
    if (got <= 0) break;
    size += got;
  }
  tidelock_close((int)file);
  text[size] = 0;
  return got < 0 ? got : size;
}

int tidelock_task_blocks(int tasks, uint32_t tid, uint64_t *blocked) {
  char path[24] = "", text[4096];
  char *end = path + 10;
  for (uint32_t rest = tid; rest != 0; rest /= 10) *--end = (char)('0' + rest % 10);
  const char tail[] = "/status";
  for (int i = 0; i < (int)sizeof tail; i++) path[10 + i] = tail[i];
  long size = read_text(tasks, end, text, sizeof text);
  // It has ended: before it was opened, or since.
  if (size == -ENOENT || size == -ESRCH) return 0;
  if (size < 0) return (int)size;
  const char *state = find(text, "State:\t");
  const char *mask = find(text, "SigBlk:\t");
  if (state == NULL || mask == NULL) return -EPROTO;
  // A main thread that has ended before the others remains as a zombie.
  if (*state == 'Z' || *state == 'X') return 0;
  *blocked = 0;
  for (;; mask++) {
    char digit = *mask;
    uint64_t value;
    if (digit >= '0' && digit <= '9') {
      value = (uint64_t)(digit - '0');
    } else if (digit >= 'a' && digit <= 'f') {
      value = (uint64_t)(digit - 'a' + 10);
    } else {
      return 1;
    }
    *blocked = *blocked << 4 | value;
  }
}

int tidelock_knows_tasks(void) {
  char text[4096];
  long size = read_text(AT_FDCWD, "/proc/self/status", text, sizeof text);
  if (size < 0) return (int)size;
  const char *pid = find(text, "\nPid:\t");
  if (pid == NULL) return -EPROTO;
  if (number(pid) != (uint32_t)tidelock_call(SYS_getpid, 0, 0, 0, 0)) return 0;
  // Equal by chance? The line has a number for each namespace from that of /proc down to the process's.
  const char *numbers = find(text, "\nNSpid:\t");
  if (numbers == NULL) return 1;
  while (*numbers >= '0' && *numbers <= '9') numbers++;
  return *numbers != '\t';
}
