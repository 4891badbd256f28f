/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts a server and takes the time until it accepts a connection and until it has answered.
 *
 * usage: start_time SOCKET URL COMMAND [ARGUMENT]...
 *
 * Prints milliseconds since before the fork as JSON, and ends the server with SIGTERM.
 */
#include <signal.h>
#include <sys/wait.h>

#include "http.h"
#include "loop.h"

#define DEADLINE_NS 60e9
/* Between two looks: a hundredth of the shortest start. */
#define PAUSE_NS 200000

static pid_t child;

static void give_up(const char *what) {
  fprintf(stderr, "%s\n", what);
  if (child > 0)
    kill(child, SIGKILL);
  exit(1);
}

static void start(char **command) {
  child = fork();
  if (child < 0)
    die("fork");
  if (child > 0)
    return;
  if (freopen("/dev/null", "w", stdout) == NULL)
    die("/dev/null");
  execvp(command[0], command);
  perror(command[0]);
  _exit(127);
}

static int wait_for_socket(const char *path, double deadline) {
  const struct timespec pause = {.tv_nsec = PAUSE_NS};
  int fd;

  while ((fd = connect_to(path)) < 0) {
    if (errno != ENOENT && errno != ECONNREFUSED)
      give_up(strerror(errno));
    if (waitpid(child, NULL, WNOHANG) == child)
      give_up("the server ended before it listened");
    if (now_ns() > deadline)
      give_up("the server did not listen within 60 s");
    nanosleep(&pause, NULL);
  }
  return fd;
}

static void get(int fd, const char *url) {
  static struct answer answer;
  struct timeval limit = {.tv_sec = 60};
  int status;

  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  if (dprintf(fd, "GET %s HTTP/1.1\r\nHost: sdm\r\n\r\n", url) < 0)
    give_up("the request could not be sent");
  while ((status = status_of(&answer)) == 0)
    if (read_more(fd, &answer) <= 0)
      give_up("the server did not answer");
  if (status != 200)
    give_up(answer.text);
}

int main(int argc, char **argv) {
  double started, listening, answered;
  int fd;

  if (argc < 4) {
    fprintf(stderr, "usage: start_time SOCKET URL COMMAND [ARGUMENT]...\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  started = now_ns();
  start(argv + 3);
  fd = wait_for_socket(argv[1], started + DEADLINE_NS);
  listening = now_ns();
  get(fd, argv[2]);
  answered = now_ns();
  close(fd);
  kill(child, SIGTERM);
  waitpid(child, NULL, 0);
  printf("{\"listening\": %.3f, \"answered\": %.3f}\n", (listening - started) / 1e6,
         (answered - started) / 1e6);
  return 0;
}
