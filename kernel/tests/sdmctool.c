// SPDX-License-Identifier: GPL-2.0
/*
 * What the guest tests of sdmc need and a shell lacks: poll(2) on attributes, and
 * the other side of the registers. That is a second device with the same memory,
 * which no driver has: its resource2 is mapped.
 *
 * Exits 0 if it did what was asked for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../module/sdmc/memport.h"

/* Longer than any test waits for anything. */
#define DEADLINE_MS	30000

static const char usage[] =
	"poll FILE                  read FILE, say \"polling\", wait for it to change, say what it is\n"
	"lock FILE                  hold an exclusive lock on FILE until the input ends\n"
	"peek RESOURCE OFFSET       print a register\n"
	"poke RESOURCE OFFSET VALUE write a register\n"
	"logic RESOURCE PORT STATUS say \"ready\", wait for SET, be busy, then answer STATUS\n"
	"program DEVICE             for each line \"PORT START END OFFSET OUT IN\" of the input, clear\n"
	"                           that memport, write it and set it; print errno and STATUS\n";

static void die(const char *what)
{
	fprintf(stderr, "sdmctool: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (!*text || *end) {
		fprintf(stderr, "sdmctool: not a number: %s\n", text);
		exit(2);
	}
	return value;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

/* The file from its start, lines joined by spaces; or the name of an errno. */
static const char *content(int fd)
{
	static char text[4096];
	ssize_t size = pread(fd, text, sizeof(text) - 1, 0);

	if (size < 0)
		return strerrorname_np(errno);
	while (size && text[size - 1] == '\n')
		size--;
	text[size] = 0;
	for (char *c = text; (c = strchr(c, '\n'));)
		*c = ' ';
	return text;
}

/* poll() looks once more when its time is over, and may see what woke nobody. */
static int poll_file(const char *path)
{
	struct pollfd poller = { .fd = open(path, O_RDONLY), .events = POLLPRI };
	uint64_t end;
	int woken;

	if (poller.fd < 0)
		die(path);
	content(poller.fd);
	printf("polling\n");
	fflush(stdout);
	end = now_ms() + DEADLINE_MS;
	woken = poll(&poller, 1, DEADLINE_MS) == 1 && now_ms() < end;
	printf("%s\n", woken ? content(poller.fd) : "nothing");
	return !woken;
}

static int lock_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	char c;

	if (fd < 0)
		die(path);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		printf("%s\n", strerrorname_np(errno));
		return 1;
	}
	printf("ok\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}

static volatile uint64_t *registers(const char *path)
{
	int fd = open(path, O_RDWR | O_SYNC);
	void *block;

	if (fd < 0)
		die(path);
	block = mmap(NULL, SDM_BLOCK_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (block == MAP_FAILED)
		die(path);
	return block;
}

/* Logic that takes its time over one write to SET. */
static int logic(volatile uint64_t *block, unsigned int number, uint64_t status)
{
	volatile uint64_t *port = block + (SDM_MEMPORT_BASE + number * SDM_MEMPORT_STRIDE) / 8;
	volatile uint64_t *set = port + SDM_MEMPORT_SET / 8;
	uint64_t before = *set, end = now_ms() + DEADLINE_MS;
	const struct timespec busy = { .tv_nsec = 20000000 };

	printf("ready\n");
	fflush(stdout);
	while (*set == before) {
		if (now_ms() > end)
			return 1;
	}
	port[SDM_MEMPORT_STATUS / 8] = SDM_STATUS_BUSY;
	/* The driver sees it at work: this is part of what it does, not a wait for another. */
	nanosleep(&busy, NULL);
	if (status >= SDM_STATUS_RANGE)
		*set = 0;
	port[SDM_MEMPORT_STATUS / 8] = status;
	printf("ok\n");
	return 0;
}

/* Writes an attribute at once; gives 0 or an errno. */
static int put(const char *device, unsigned int port, const char *name, const char *text)
{
	char path[512];
	int fd, failed;

	snprintf(path, sizeof(path), "%s/memport/memport%u/%s", device, port, name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		die(path);
	failed = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	return failed;
}

static int program(const char *device)
{
	static const char *const fields[] = {
		"startAddress", "endAddress", "offset", "outId", "inId"
	};
	char line[512], own[16], path[512];

	while (fgets(line, sizeof(line), stdin)) {
		unsigned int port = strtoul(strtok(line, " \n"), NULL, 10);
		int failed, fd;

		snprintf(own, sizeof(own), "%u", port);
		failed = put(device, port, "clear", own);
		for (size_t i = 0; !failed && i < sizeof(fields) / sizeof(*fields); i++)
			failed = put(device, port, fields[i], strtok(NULL, " \n"));
		if (failed) {
			printf("not written: %s\n", strerrorname_np(failed));
			return 1;
		}
		failed = put(device, port, "set", own);
		snprintf(path, sizeof(path), "%s/memport/memport%u/status", device, port);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			die(path);
		printf("%s %s\n", failed ? strerrorname_np(failed) : "ok", content(fd));
		close(fd);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 2 ? argv[1] : "";

	if (!strcmp(command, "poll") && argc == 3)
		return poll_file(argv[2]);
	if (!strcmp(command, "lock") && argc == 3)
		return lock_file(argv[2]);
	if (!strcmp(command, "program") && argc == 3)
		return program(argv[2]);
	if (!strcmp(command, "peek") && argc == 4) {
		printf("0x%" PRIx64 "\n", registers(argv[2])[number(argv[3]) / 8]);
		return 0;
	}
	if (!strcmp(command, "poke") && argc == 5) {
		registers(argv[2])[number(argv[3]) / 8] = number(argv[4]);
		return 0;
	}
	if (!strcmp(command, "logic") && argc == 5)
		return logic(registers(argv[2]), number(argv[3]), number(argv[4]));
	fputs(usage, stderr);
	return 2;
}
