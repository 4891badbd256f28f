// SPDX-License-Identifier: Apache-2.0
/*
 * What programs meet in a mapping of remote memory.
 *
 *   window FILE OFFSET SIZE
 *
 * maps that range of FILE (a BAR, or the window's device), says "mapped", and then carries out a
 * command for each line of its input, with one line of output:
 *
 *   read AT BYTES     one load of 1, 2, 4 or 8 bytes
 *   write AT VALUE    one store of 8 bytes
 *   odd AT BYTES      memset, memcpy and memmove of odd lengths to and from odd addresses, compared
 *                     with what they do in memory of its own
 *
 * An access that fails is "SIGBUS", and the next line is read. Numbers are decimal or 0x...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Loads across two words may go so far beyond what odd works on. */
#define SLACK 16

static sigjmp_buf bus;

static void on_bus(int sig)
{
	siglongjmp(bus, sig);
}

static uint64_t load(const volatile void *from, int bytes)
{
	switch (bytes) {
	case 1:
		return *(const volatile uint8_t *)from;
	case 2:
		return *(const volatile uint16_t *)from;
	case 4:
		return *(const volatile uint32_t *)from;
	default:
		return *(const volatile uint64_t *)from;
	}
}

/* The same to `there` and to `here`, which begin with the same bytes; 0 if they end with the same. */
static int odd(char *there, char *here, size_t size)
{
	static const size_t lengths[] = { 1, 3, 7, 15, 31, 63, 127, 255, 1021, 4093 };
	static const size_t count = sizeof(lengths) / sizeof(*lengths);
	unsigned int seed = 1;

	memset(there, 0x5a, size);
	memset(here, 0x5a, size);
	for (size_t i = 0; i < 20 * count; i++) {
		size_t length = lengths[i % count];
		size_t to = rand_r(&seed) % (size - length);
		size_t from = rand_r(&seed) % (size - length);

		if (i % 3 == 0) {
			memset(there + to, i, length);
			memset(here + to, i, length);
		} else {
			memmove(there + to, there + from, length);
			memmove(here + to, here + from, length);
		}
		/* A load across two words, too. */
		if (load(there + (to | 3), 8) != load(here + (to | 3), 8))
			return 1;
	}
	memset(there + 1, 0, size - 3);
	memset(here + 1, 0, size - 3);
	return memcmp(there, here, size);
}

static void carry_out(char *memory, size_t size, const char *what, uint64_t at, uint64_t value)
{
	char *here = malloc(size + SLACK);

	if (sigsetjmp(bus, 1)) {
		puts("SIGBUS");
	} else if (!strcmp(what, "read") && at + value <= size) {
		printf("%#" PRIx64 "\n", load(memory + at, value));
	} else if (!strcmp(what, "write") && at + 8 <= size) {
		*(volatile uint64_t *)(memory + at) = value;
		puts("ok");
	} else if (!strcmp(what, "odd") && at + value + SLACK <= size && value > 4096) {
		memcpy(here, memory + at, value + SLACK);
		puts(odd(memory + at, here, value) ? "differs" : "ok");
	} else {
		puts("what?");
	}
	free(here);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_bus };
	char line[128], what[16], at[32], value[32];
	size_t size = argc == 4 ? strtoull(argv[3], NULL, 0) : 0;
	char *memory;
	int fd;

	if (argc != 4) {
		fprintf(stderr, "usage: window FILE OFFSET SIZE\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR);
	if (fd < 0) {
		puts(strerrorname_np(errno));
		return 1;
	}
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, strtoull(argv[2], NULL, 0));
	if (memory == MAP_FAILED) {
		puts(strerrorname_np(errno));
		return 1;
	}
	sigaction(SIGBUS, &action, NULL);
	setlinebuf(stdout);
	puts("mapped");
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%15s %31s %31s", what, at, value) != 3)
			puts("what?");
		else
			carry_out(memory, size, what, strtoull(at, NULL, 0), strtoull(value, NULL, 0));
	}
	return 0;
}
