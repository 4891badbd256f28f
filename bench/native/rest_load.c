/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaches and detaches over a number of connections, each of which waits for its answer.
 *
 * usage: rest_load SOCKET CONNECTIONS SECONDS SIZE keep|close retain|scrub
 *
 * One thread and epoll, so that the client takes little of what the server needs. `close`: a
 * connection per request; `keep`: one for all, as long as the server keeps it, too. Prints pairs of
 * attach and detach per second as JSON. On a busy machine it goes on until there is a pair, and every
 * attach has its detach in the end.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/epoll.h>

#include "http.h"
#include "loop.h"

#define CONNECTIONS_MAX 512

struct client {
  int fd;
  bool attached;
  /* Of its attachment; none is ever used again. */
  uint64_t id;
  struct answer answer;
};

static struct client clients[CONNECTIONS_MAX];
static const char *path, *size;
static bool keep, retain;
static int queue;
static uint64_t ids, pairs, running;
static double end, last;

static void fail(const struct client *client, const char *what) {
  fprintf(stderr, "%s of bench-%" PRIu64 ": %s\n%s\n", client->attached ? "detach" : "attach",
          client->id, what, client->answer.text);
  exit(1);
}

static void open_connection(struct client *client) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

  client->fd = connect_to(path);
  if (client->fd < 0 || fcntl(client->fd, F_SETFL, O_NONBLOCK) != 0)
    die(path);
  if (epoll_ctl(queue, EPOLL_CTL_ADD, client->fd, &event) != 0)
    die("epoll_ctl");
}

static void send_request(struct client *client) {
  const char *connection = keep ? "" : "Connection: close\r\n";
  char body[256], text[1024];
  int length;

  if (client->fd < 0)
    open_connection(client);
  if (client->attached) {
    length = snprintf(text, sizeof(text),
                      "DELETE /v1/attachments/bench-%" PRIu64 " HTTP/1.1\r\nHost: sdm\r\n%s\r\n",
                      client->id, connection);
  } else {
    int n = snprintf(body, sizeof(body),
                     "{\"id\":\"bench-%" PRIu64
                     "\",\"mode\":\"device\",\"size\":\"%s\",\"retain\":%s}",
                     client->id, size, retain ? "true" : "false");

    length = snprintf(text, sizeof(text),
                      "POST /v1/attachments HTTP/1.1\r\nHost: sdm\r\n%s"
                      "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                      connection, n, body);
  }
  client->answer.length = 0;
  client->answer.text[0] = '\0';
  /* Requests are short and go one by one: there is always room for them. */
  if (write(client->fd, text, (size_t)length) != length)
    fail(client, "the request could not be sent");
}

static void next_request(struct client *client) {
  if (client->attached) {
    client->attached = false;
    if (pairs > 0 && now_ns() > end) {
      running--;
      return;
    }
    pairs++;
    last = now_ns();
    client->id = ids++;
  } else {
    client->attached = true;
  }
  send_request(client);
}

static void read_answer(struct client *client) {
  ssize_t n = read_more(client->fd, &client->answer);
  int status;

  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0)
    fail(client, n < 0 ? strerror(errno) : "the server closed the connection");
  status = status_of(&client->answer);
  if (status == 0)
    return;
  if (status != (client->attached ? 200 : 201))
    fail(client, status < 0 ? "an answer without a length" : "refused");
  if (!keep || closes(&client->answer)) {
    close(client->fd);
    client->fd = -1;
  }
  next_request(client);
}

int main(int argc, char **argv) {
  struct epoll_event events[64];
  uint64_t connections;
  double started;

  if (argc != 7) {
    fprintf(stderr,
            "usage: rest_load SOCKET CONNECTIONS SECONDS SIZE keep|close retain|scrub\n");
    return 2;
  }
  path = argv[1];
  connections = number(argv[2]);
  size = argv[4];
  keep = strcmp(argv[5], "keep") == 0;
  retain = strcmp(argv[6], "retain") == 0;
  if (connections == 0 || connections > CONNECTIONS_MAX)
    return 2;
  queue = epoll_create1(EPOLL_CLOEXEC);
  if (queue < 0)
    die("epoll_create1");
  /* So that one run never asks for an attachment of another. */
  ids = (uint64_t)getpid() << 32;
  started = now_ns();
  end = started + strtod(argv[3], NULL) * 1e9;
  running = connections;
  for (uint64_t i = 0; i < connections; i++) {
    clients[i].fd = -1;
    clients[i].id = ids++;
    send_request(&clients[i]);
  }
  while (running > 0) {
    int n = epoll_wait(queue, events, 64, 60000);

    if (n == 0) {
      fprintf(stderr, "no answer for 60 s\n");
      return 1;
    }
    if (n < 0 && errno != EINTR)
      die("epoll_wait");
    for (int i = 0; i < n; i++)
      read_answer(events[i].data.ptr);
  }
  if (last < end)
    last = end;
  printf("{\"pairs\": %.3f}\n", (double)pairs / ((last - started) / 1e9));
  return 0;
}
