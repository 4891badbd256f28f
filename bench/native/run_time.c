/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command to its end, its output thrown away, and prints the milliseconds that it took since
 * before the fork as JSON.
 *
 * usage: run_time COMMAND [ARGUMENT]...
 */
#include <sys/wait.h>

#include "loop.h"

int main(int argc, char **argv) {
  double started;
  int status;
  pid_t child;

  if (argc < 2) {
    fprintf(stderr, "usage: run_time COMMAND [ARGUMENT]...\n");
    return 2;
  }
  started = now_ns();
  child = fork();
  if (child < 0)
    die("fork");
  if (child == 0) {
    if (freopen("/dev/null", "w", stdout) == NULL)
      die("/dev/null");
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    _exit(127);
  }
  if (waitpid(child, &status, 0) != child)
    die("waitpid");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fprintf(stderr, "%s ended with status 0x%x\n", argv[1], status);
    return 1;
  }
  printf("{\"ms\": %.3f}\n", (now_ns() - started) / 1e6);
  return 0;
}
