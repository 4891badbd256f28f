// SPDX-License-Identifier: Apache-2.0
/*
 * Waits until a brick can be used and says so on the console, where whoever started the brick is
 * listening: "sdm: brick ready", or "sdm: brick failed: " and what did not come up.
 *
 *   brickready --timeout SECONDS [--agent SOCKET]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SSH_PORT 22
#define TCP_LISTEN 0x0A
/* Neither a listening socket nor a daemon's answer can be waited for in the kernel. */
#define POLL_MS 50

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* The console has several writers: one write a line, and away from the shell's prompt. */
static void say(const char *format, ...)
{
	char line[512];
	va_list args;
	int length, fd;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fd = open("/dev/console", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, line, length) < 0)
		fputs(line, stderr);
	if (fd >= 0)
		close(fd);
}

/* Asked of the kernel: a connection would make sshd start a child. */
static bool listens(const char *table, unsigned int port)
{
	char line[512];
	bool found = false;
	FILE *file = fopen(table, "re");

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		unsigned int local, state;

		if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &local, &state) == 2)
			found = local == port && state == TCP_LISTEN;
	}
	fclose(file);
	return found;
}

/* Does the agent answer its health check with 200? `why` gets a phrase if not. */
static bool answers(const char *path, double deadline, const char **why)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: brick\r\nConnection: close\r\n\r\n";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char reply[64] = "";
	size_t got = 0;
	int fd;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		*why = "nothing listens on its socket";
		goto out;
	}
	*why = "it does not answer its health check";
	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1)
		goto out;
	while (got < sizeof(reply) - 1) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		double left = deadline - now();
		ssize_t count;

		if (left <= 0 || poll(&wait, 1, (int)(left * 1000) + 1) <= 0)
			break;
		count = read(fd, reply + got, sizeof(reply) - 1 - got);
		if (count <= 0)
			break;
		got += count;
	}
	if (!strncmp(reply, "HTTP/1.1 200", 12))
		*why = NULL;
out:
	if (fd >= 0)
		close(fd);
	return !*why;
}

static int usage(void)
{
	fputs("usage: brickready --timeout SECONDS [--agent SOCKET]\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ "agent", required_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	const char *agent = NULL, *why = NULL;
	bool ssh = false, healthy;
	double timeout = 0, deadline;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 't')
			timeout = strtod(optarg, NULL);
		else if (option == 'a')
			agent = optarg;
		else
			return usage();
	}
	if (optind != argc || timeout <= 0)
		return usage();

	deadline = now() + timeout;
	healthy = !agent;
	for (;;) {
		if (!ssh)
			ssh = listens("/proc/net/tcp", SSH_PORT) || listens("/proc/net/tcp6", SSH_PORT);
		if (!healthy)
			healthy = answers(agent, deadline, &why);
		if (ssh && healthy) {
			say("\nsdm: brick ready\n");
			return 0;
		}
		if (now() >= deadline)
			break;
		poll(NULL, 0, POLL_MS);
	}
	if (!ssh)
		say("\nsdm: brick failed: sshd does not listen after %g s: see /var/log/sshd.log\n", timeout);
	if (!healthy)
		say("\nsdm: brick failed: agent not ready after %g s, %s: see above and /var/log/sdm-agent.log\n",
		    timeout, why);
	return 1;
}
