/* SPDX-License-Identifier: Apache-2.0 */
/* As much of HTTP/1.1 over a Unix socket as two small clients need. */
#ifndef SDM_BENCH_HTTP_H
#define SDM_BENCH_HTTP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX 65536

/* What has come of an answer. */
struct answer {
  char text[ANSWER_MAX + 1];
  size_t length;
};

/* A connected socket, or -1 with errno. */
static inline int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd;

  if (strlen(path) >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address.sun_path, path);
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
    int error = errno;

    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

/* The value of a header of an answer whose head is complete; NULL: it is not there. */
static inline const char *header_of(const struct answer *answer, const char *name) {
  size_t length = strlen(name);

  for (const char *line = strstr(answer->text, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
    line += 2;
    if (strncmp(line, "\r\n", 2) == 0)
      return NULL;
    if (strncasecmp(line, name, length) == 0 && line[length] == ':')
      return line + length + 1 + strspn(line + length + 1, " ");
  }
  return NULL;
}

static inline bool closes(const struct answer *answer) {
  const char *value = header_of(answer, "Connection");

  return value != NULL && strncasecmp(value, "close", 5) == 0;
}

/*
 * The status of an answer that is whole, 0 as long as more is to come, -1 if it is none that this
 * understands: a length has to be given.
 */
static inline int status_of(const struct answer *answer) {
  const char *body = strstr(answer->text, "\r\n\r\n");
  const char *value;
  int status;

  if (body == NULL)
    return answer->length < ANSWER_MAX ? 0 : -1;
  value = header_of(answer, "Content-Length");
  if (value == NULL || sscanf(answer->text, "HTTP/1.%*d %d", &status) != 1)
    return -1;
  body += 4;
  if ((size_t)(answer->text + answer->length - body) < strtoul(value, NULL, 10))
    return answer->length < ANSWER_MAX ? 0 : -1;
  return status;
}

/* Adds what a socket has. What read() gave. */
static inline ssize_t read_more(int fd, struct answer *answer) {
  ssize_t n = read(fd, answer->text + answer->length, ANSWER_MAX - answer->length);

  if (n > 0)
    answer->length += (size_t)n;
  answer->text[answer->length] = '\0';
  return n;
}

#endif /* SDM_BENCH_HTTP_H */
