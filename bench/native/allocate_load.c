/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocates and frees memory at a controller over a number of connections, each with a platform of its
 * own, and each waiting for its answers.
 *
 * usage: allocate_load SOCKET CONNECTIONS SECONDS MIB PATHUTIL keep|close
 *
 * One thread and epoll, so that the client takes little of what the server needs. The platforms are
 * made before the clock starts and released after it has ended. Prints pairs of allocateMemory and
 * freeMemory per second, and the median and 95th percentile of what one allocateMemory took, as JSON.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/epoll.h>

#include "http.h"
#include "loop.h"

#define CONNECTIONS_MAX 512
#define SAMPLES_MAX (1 << 20)

enum phase { MAKE, ALLOCATE, FREE, RELEASE, PHASES };

static const char *const CALLS[PHASES] = {"getPlatform", "allocateMemory", "freeMemory",
                                          "releasePlatform"};

struct client {
  int fd;
  /* For an answer. */
  bool waits;
  uint64_t platform;
  double sent;
  struct answer answer;
};

static struct client clients[CONNECTIONS_MAX];
static enum phase phases[CONNECTIONS_MAX];
static const char *path, *mib, *util;
static bool keep;
static int queue;
static uint64_t connections, running, pairs;
static double end, last;
static double samples[SAMPLES_MAX];
static size_t sampled;

static enum phase *phase_of(const struct client *client) {
  return &phases[client - clients];
}

static void fail(const struct client *client, const char *what) {
  fprintf(stderr, "%s of platform %" PRIu64 ": %s\n%s\n", CALLS[*phase_of(client)],
          client->platform, what, client->answer.text);
  exit(1);
}

static void open_connection(struct client *client) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

  /* A queue of connections may be full for a moment. */
  for (int i = 0; (client->fd = connect_to(path)) < 0 && errno == EAGAIN && i < 10000; i++)
    usleep(1000);
  if (client->fd < 0 || fcntl(client->fd, F_SETFL, O_NONBLOCK) != 0)
    die(path);
  if (epoll_ctl(queue, EPOLL_CTL_ADD, client->fd, &event) != 0)
    die("epoll_ctl");
}

static void send_request(struct client *client) {
  char body[256], text[1024];
  int n, length;

  if (client->fd < 0)
    open_connection(client);
  if (*phase_of(client) == MAKE)
    n = snprintf(body, sizeof(body), "{\"cpus\":1,\"memory\":0}");
  else if (*phase_of(client) == ALLOCATE)
    n = snprintf(body, sizeof(body), "{\"platformID\":%" PRIu64 ",\"memory\":%s,\"pathUtil\":%s}",
                 client->platform, mib, util);
  else
    n = snprintf(body, sizeof(body), "{\"platformID\":%" PRIu64 "}", client->platform);
  length = snprintf(text, sizeof(text),
                    "POST /api/%s HTTP/1.1\r\nHost: sdm\r\n%sContent-Type: application/json\r\n"
                    "Content-Length: %d\r\n\r\n%s",
                    CALLS[*phase_of(client)], keep ? "" : "Connection: close\r\n", n, body);
  client->answer.length = 0;
  client->answer.text[0] = '\0';
  client->waits = true;
  client->sent = now_ns();
  /* Requests are short and go one by one: there is always room for them. */
  if (write(client->fd, text, (size_t)length) != length)
    fail(client, "the request could not be sent");
}

/* A connection that the server has closed after an answer, as it may, is opened again. */
static void drop(struct client *client) {
  close(client->fd);
  client->fd = -1;
}

static void note(const struct client *client) {
  if (sampled < SAMPLES_MAX)
    samples[sampled++] = now_ns() - client->sent;
}

/* What comes after an answer; false: nothing, for now. */
static bool next_phase(struct client *client) {
  enum phase *phase = phase_of(client);

  switch (*phase) {
  case MAKE: {
    const char *at = strstr(client->answer.text, "\"PlatformID\":");

    if (at == NULL)
      fail(client, "no PlatformID");
    client->platform = strtoull(at + strlen("\"PlatformID\":"), NULL, 10);
    *phase = ALLOCATE;
    running--;
    return false;
  }
  case ALLOCATE:
    note(client);
    *phase = FREE;
    return true;
  case FREE:
    pairs++;
    last = now_ns();
    *phase = last < end ? ALLOCATE : RELEASE;
    if (*phase == RELEASE)
      running--;
    return *phase == ALLOCATE;
  default:
    running--;
    return false;
  }
}

static void read_answer(struct client *client) {
  ssize_t n = read_more(client->fd, &client->answer);
  int status;

  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0 && !client->waits) {
    drop(client);
    return;
  }
  if (n <= 0)
    fail(client, n < 0 ? strerror(errno) : "the server closed the connection");
  status = status_of(&client->answer);
  if (status == 0)
    return;
  client->waits = false;
  if (status != 200 || strstr(client->answer.text, "All good") == NULL)
    fail(client, status < 0 ? "an answer without a length" : "refused");
  if (!keep || closes(&client->answer))
    drop(client);
  if (next_phase(client))
    send_request(client);
}

/* Sends what each client is to send, and goes on until all have come to the end of it. */
static void go(void) {
  struct epoll_event events[64];

  running = connections;
  for (uint64_t i = 0; i < connections; i++)
    send_request(&clients[i]);
  while (running > 0) {
    int n = epoll_wait(queue, events, 64, 60000);

    if (n == 0) {
      fprintf(stderr, "no answer for 60 s\n");
      exit(1);
    }
    if (n < 0 && errno != EINTR)
      die("epoll_wait");
    for (int i = 0; i < n; i++)
      read_answer(events[i].data.ptr);
  }
}

int main(int argc, char **argv) {
  double started;

  if (argc != 7) {
    fprintf(stderr, "usage: allocate_load SOCKET CONNECTIONS SECONDS MIB PATHUTIL keep|close\n");
    return 2;
  }
  path = argv[1];
  connections = number(argv[2]);
  mib = argv[4];
  util = argv[5];
  keep = strcmp(argv[6], "keep") == 0;
  if (connections == 0 || connections > CONNECTIONS_MAX)
    return 2;
  queue = epoll_create1(EPOLL_CLOEXEC);
  if (queue < 0)
    die("epoll_create1");
  for (uint64_t i = 0; i < connections; i++)
    clients[i].fd = -1;
  go();
  started = now_ns();
  end = started + strtod(argv[3], NULL) * 1e9;
  go();
  if (last < end)
    last = end;
  go();
  qsort(samples, sampled, sizeof(*samples), compare_doubles);
  printf("{\"pairs\": %.3f, \"p50\": %.4f, \"p95\": %.4f}\n",
         (double)pairs / ((last - started) / 1e9), samples[sampled / 2] / 1e6,
         samples[sampled * 95 / 100] / 1e6);
  return 0;
}
