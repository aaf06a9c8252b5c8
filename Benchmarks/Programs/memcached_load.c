// Loads a memcached over its Unix socket so that its locks, not the network, set the pace: every connection
// keeps two batches of commands under way, whose replies are one line each. At the end it compares what the
// server holds with what was sent.
//
//     memcached_load SOCKET counter|set CONNECTIONS SECONDS [PROCESS [SET...]]
//
// counter   all connections increment one counter (the lock of one item); each increment must be in it
// set       all connections set 10,000 keys (locks of the least-recently-used lists and of the slabs);
//           each key must hold its own value
//
// Prints operations per second: those that were replied to within SECONDS. What is under way then is waited
// for before the comparison; a PROCESS (with switch_on_signal.c) is asked for paravirtual first, since it may
// take minutes with locks that stand still. With SETs (0 native, 1 paravirtual, 2 test-and-set) it loads the
// server for SECONDS with each in turn, switched without a pause in the load, and prints a line for each.
//
// Exit status 1: an update was lost or the server said something else; 2: usage; 3: it did not answer.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 1024, DEPTH = 2, BATCH = 100, KEYS = 10000, PATIENCE = 30 };

struct connection {
  int under_way;  // batches
  int next;       // key
  int replied;    // bytes of a reply that has not come whole
};

static struct pollfd polled[CONNECTIONS];
static struct connection connections[CONNECTIONS];
static int count;
static bool counts;
static char *commands;  // of one batch, or of all keys
static size_t command;  // bytes
static const char end_of_batch[] = "mn\r\n", reply[] = "MN\r\n";

__attribute__((noreturn, format(printf, 2, 3))) static void fail(int status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("memcached_load: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  exit(status);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

// The server may be starting.
static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct timeval limit = {.tv_sec = PATIENCE};
  double until = now() + 5;
  if (strlen(path) >= sizeof address.sun_path) fail(2, "the path %s is too long for a socket", path);
  strcpy(address.sun_path, path);
  for (;;) {
    int file = socket(AF_UNIX, SOCK_STREAM, 0);
    if (file < 0) fail(3, "no socket: %s", strerror(errno));
    setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(file, (struct sockaddr *)&address, sizeof address) == 0) return file;
    if (now() > until) fail(3, "nobody answers at %s: %s", path, strerror(errno));
    close(file);
    usleep(10000);
  }
}

static void send_all(int file, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(file, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) fail(3, "the server takes nothing: %s", strerror(errno));
    bytes += sent;
    size -= (size_t)sent;
  }
}

static void key_and_value(int number, char *key, char *value) {
  sprintf(key, "k%05d", number);
  sprintf(value, "%05d the value of key %05d only", number, number);
}

static void make_commands(void) {
  int number = counts ? BATCH : KEYS;
  char key[16], value[64], text[128];
  for (int i = 0; i < number; i++) {
    if (counts) {
      strcpy(text, "incr hot 1 noreply\r\n");
    } else {
      key_and_value(i, key, value);
      sprintf(text, "set %s 0 0 %zu noreply\r\n%s\r\n", key, strlen(value), value);
    }
    if (commands == NULL) {
      command = strlen(text);
      commands = malloc(command * (size_t)number + 1);
      if (commands == NULL) fail(3, "no memory");
    }
    memcpy(commands + (size_t)i * command, text, command);
  }
}

static void send_batch(int index) {
  struct connection *connection = &connections[index];
  char text[BATCH * 80 + sizeof end_of_batch];
  size_t size = BATCH * command;
  if (size + sizeof end_of_batch > sizeof text) fail(2, "a command of %zu bytes is too long", command);
  memcpy(text, commands + (size_t)connection->next * command, size);
  memcpy(text + size, end_of_batch, sizeof end_of_batch - 1);
  send_all(polled[index].fd, text, size + sizeof end_of_batch - 1);
  connection->under_way++;
  if (!counts) connection->next = (connection->next + BATCH) % KEYS;
}

// How many batches were replied to.
static int take_replies(int index) {
  struct connection *connection = &connections[index];
  char text[256];
  ssize_t size = recv(polled[index].fd, text, sizeof text, 0);
  int batches = 0;
  if (size < 0 && errno == EINTR) return 0;
  if (size <= 0) fail(3, "the server left: %s", size < 0 ? strerror(errno) : "end of the connection");
  for (ssize_t i = 0; i < size; i++) {
    if (text[i] != reply[connection->replied]) fail(1, "the server said: %.*s", (int)(size - i), text + i);
    if (++connection->replied == sizeof reply - 1) {
      connection->replied = 0;
      batches++;
    }
  }
  connection->under_way -= batches;
  if (connection->under_way < 0) fail(1, "more replies than batches");
  return batches;
}

// Keeps the server busy until then, or, without a time, takes the replies that are under way. How many batches
// were replied to.
static int64_t work(double until) {
  bool goes_on = until > 0;
  int64_t batches = 0;
  for (;;) {
    bool waits = false;
    if (goes_on && now() >= until) return batches;
    for (int i = 0; i < count; i++) {
      while (goes_on && connections[i].under_way < DEPTH) send_batch(i);
      waits |= connections[i].under_way > 0;
    }
    if (!waits) return batches;
    int ready = poll(polled, (nfds_t)count, PATIENCE * 1000);
    if (ready == 0) fail(3, "no reply for %d s", PATIENCE);
    for (int i = 0; ready > 0 && i < count; i++) {
      if (polled[i].revents != 0) batches += take_replies(i);
    }
  }
}

// Sends a command and returns its answer, which ends with that line.
static const char *ask(int file, const char *text, const char *last) {
  static char answer[4096];
  size_t size = 0;
  send_all(file, text, strlen(text));
  for (;;) {
    ssize_t more = recv(file, answer + size, sizeof answer - 1 - size, 0);
    if (more <= 0) fail(3, "no answer to %s", text);
    size += (size_t)more;
    answer[size] = 0;
    if (size >= strlen(last) && strcmp(answer + size - strlen(last), last) == 0) return answer;
    if (strstr(answer, "ERROR") != NULL) fail(1, "to %s the server said: %s", text, answer);
  }
}

static void check(int file, int64_t operations) {
  char key[16], value[64], text[64], expected[256];
  if (counts) {
    long long counted = -1;
    sscanf(ask(file, "get hot\r\n", "END\r\n"), "VALUE hot %*d %*d\r\n%lld", &counted);
    if (counted != operations) fail(1, "%lld of %lld increments counted", counted, (long long)operations);
    return;
  }
  for (int i = 0; i < KEYS; i++) {
    key_and_value(i, key, value);
    sprintf(text, "get %s\r\n", key);
    sprintf(expected, "VALUE %s 0 %zu\r\n%s\r\nEND\r\n", key, strlen(value), value);
    const char *answer = ask(file, text, "END\r\n");
    if (strcmp(answer, expected) != 0) fail(1, "%s holds: %s", key, answer);
  }
}

static void ask_for(pid_t process, int set) {
  if (process <= 0 || kill(process, SIGRTMIN + 1 + set) != 0) fail(2, "no process to switch");
}

int main(int arguments, char **argument) {
  static const char *sets[] = {"native", "paravirtual", "test-and-set"};
  if (arguments < 5) fail(2, "usage: SOCKET counter|set CONNECTIONS SECONDS [PROCESS [SET...]]");
  const char *path = argument[1];
  counts = strcmp(argument[2], "counter") == 0;
  if (!counts && strcmp(argument[2], "set") != 0) fail(2, "no load is named %s", argument[2]);
  count = atoi(argument[3]);
  if (count < 1 || count > CONNECTIONS) fail(2, "1 to %d connections, not %s", CONNECTIONS, argument[3]);
  double seconds = atof(argument[4]);
  if (!(seconds > 0)) fail(2, "a time above 0 s, not %s", argument[4]);

  int control = connect_to(path);
  make_commands();
  if (counts) ask(control, "set hot 0 0 20\r\n00000000000000000000\r\n", "STORED\r\n");
  else {
    // All keys are there before some are set again.
    send_all(control, commands, KEYS * command);
    ask(control, end_of_batch, reply);
  }
  for (int i = 0; i < count; i++) {
    polled[i] = (struct pollfd){.fd = connect_to(path), .events = POLLIN};
    // Each begins somewhere else.
    if (!counts) connections[i].next = i * 7 * BATCH % KEYS;
  }

  pid_t process = arguments > 5 ? (pid_t)atoi(argument[5]) : 0;
  int64_t batches = 0;
  for (int i = 6; i < arguments || i == 6; i++) {
    const char *name = "";
    if (i < arguments) {
      int set = argument[i][0] - '0';
      if (set < 0 || set > 2) fail(2, "a set is 0, 1 or 2, not %s", argument[i]);
      ask_for(process, set);
      name = sets[set];
    }
    double start = now();
    int64_t done = work(start + seconds);
    printf("%s%s%.0f\n", name, *name ? "\t" : "", (double)(done * BATCH) / (now() - start));
    fflush(stdout);
    batches += done;
  }
  if (process != 0) ask_for(process, 1);
  batches += work(0);
  check(control, batches * BATCH);
  return 0;
}
