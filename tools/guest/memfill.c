// SPDX-License-Identifier: Apache-2.0
/*
 * Fills memory with bytes that can be recognised from the other side, and verifies them.
 *
 *   memfill --node N --size BYTES --seed S [--hold] [--json]
 *     Anonymous memory bound to NUMA node N: fills every page, verifies all of them, and checks
 *     that each lies in the node. With --hold the memory stays until standard input ends, so that
 *     the host can look into the pool file meanwhile.
 *   memfill --device PATH --offset O --size N --write|--check --seed S [--json]
 *     The same bytes written to, or checked in, a range of a device or file.
 *
 * Numbers are decimal or 0x...; sizes also take K, M or G. Exit: 0 all is well; 1 a byte, a page's
 * place or the system is not as it must be (with the address); 2 wrong usage.
 *
 * Layout of a page (4096 bytes, whatever the kernel's page size), 512 little-endian 64-bit words:
 *   word 0      the bytes "SDMFILL\0" (0x004c4c49464d4453)
 *   word 1      seed
 *   word 2      index of the page in the range, from 0
 *   word 3..511 mix(seed + index) + word * 0x9e3779b97f4a7c15, modulo 2^64, where mix is the
 *               finaliser of splitmix64:  z = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
 *                            z = (z ^ z >> 27) * 0x94d049bb133111eb;   mix(x) = z ^ z >> 31
 *               (one addition a word: an emulated CPU fills at the speed of its stores)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define PAGE_WORDS (PAGE_BYTES / 8)
#define MAGIC UINT64_C(0x004c4c49464d4453)
#define HEADER_WORDS 3
#define STEP UINT64_C(0x9e3779b97f4a7c15)
/* From linux/mempolicy.h, which a libc for cross builds need not bring. */
#define MPOL_BIND 2
#define MAX_NODES 1024
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_FRAME ((UINT64_C(1) << 55) - 1)
/* Pages asked about in one system call. */
#define BATCH 4096

struct request {
	int node;
	const char *device;
	uint64_t offset, size, seed;
	bool hold, json, write, check;
};

struct extent {
	uint64_t min, max;
	bool known;
};

static __attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...)
{
	va_list args;

	fputs("memfill: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static __attribute__((noreturn)) void usage(const char *why)
{
	fprintf(stderr,
		"memfill: %s\n"
		"usage: memfill --node N --size BYTES --seed S [--hold] [--json]\n"
		"       memfill --device PATH --offset O --size BYTES --write|--check --seed S [--json]\n"
		"Numbers are decimal or 0x...; sizes also take K, M or G; size and offset are multiples of 4096.\n",
		why);
	exit(2);
}

static uint64_t parse_number(const char *text, const char *option)
{
	char message[160], *end;
	uint64_t value, factor = 1;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (*end == 'K')
		factor = 1 << 10;
	else if (*end == 'M')
		factor = 1 << 20;
	else if (*end == 'G')
		factor = 1 << 30;
	if (factor > 1)
		end++;
	if (errno || end == text || *end || *text == '-' || __builtin_mul_overflow(value, factor, &value)) {
		snprintf(message, sizeof(message), "%s: \"%.64s\" is not a number", option, text);
		usage(message);
	}
	return value;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static inline uint64_t mix(uint64_t x)
{
	uint64_t z = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);

	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Volatile: a device range may only be reached by aligned single accesses, never by memcpy. */
static void fill(volatile uint64_t *memory, uint64_t pages, uint64_t seed)
{
	for (uint64_t page = 0; page < pages; page++, memory += PAGE_WORDS) {
		uint64_t value = mix(seed + page) + HEADER_WORDS * STEP;

		memory[0] = MAGIC;
		memory[1] = seed;
		memory[2] = page;
		for (unsigned int word = HEADER_WORDS; word < PAGE_WORDS; word++, value += STEP)
			memory[word] = value;
	}
}

static void verify_word(uint64_t found, uint64_t wanted, uint64_t page, unsigned int word,
			uint64_t range)
{
	if (found == wanted)
		return;
	fail("at 0x%" PRIx64 " (page %" PRIu64 ", word %u): found 0x%016" PRIx64 ", wanted 0x%016" PRIx64,
	     range + page * PAGE_BYTES + word * 8, page, word, found, wanted);
}

/* `range` is the address at which the memory is shown in messages. */
static void verify(const volatile uint64_t *memory, uint64_t pages, uint64_t seed, uint64_t range)
{
	for (uint64_t page = 0; page < pages; page++, memory += PAGE_WORDS) {
		uint64_t value = mix(seed + page) + HEADER_WORDS * STEP;

		verify_word(memory[0], MAGIC, page, 0, range);
		verify_word(memory[1], seed, page, 1, range);
		verify_word(memory[2], page, page, 2, range);
		for (unsigned int word = HEADER_WORDS; word < PAGE_WORDS; word++, value += STEP)
			verify_word(memory[word], value, page, word, range);
	}
}

/* Where the kernel says each page is: all must be in the node. */
static void check_nodes(char *memory, uint64_t bytes, uint64_t step, int node)
{
	static void *addresses[BATCH];
	static int status[BATCH];

	for (uint64_t done = 0; done < bytes;) {
		unsigned long count = 0;

		for (; count < BATCH && done < bytes; count++, done += step)
			addresses[count] = memory + done;
		if (syscall(SYS_move_pages, 0, count, addresses, NULL, status, 0) < 0)
			fail("move_pages cannot tell where pages are: %s", strerror(errno));
		for (unsigned long i = 0; i < count; i++)
			if (status[i] != node)
				fail("page at %p is in node %d, not in node %d", addresses[i], status[i], node);
	}
}

/* Lowest and highest physical address; unknown where the caller may not see them. */
static struct extent physical(char *memory, uint64_t bytes, uint64_t step)
{
	struct extent extent = { .min = UINT64_MAX };
	uint64_t entries[512];
	uint64_t first = (uintptr_t)memory / step, count = bytes / step;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return extent;
	for (uint64_t done = 0; done < count;) {
		uint64_t part = count - done < 512 ? count - done : 512;
		ssize_t got = pread(fd, entries, part * 8, (first + done) * 8);

		if (got <= 0)
			fail("/proc/self/pagemap cannot be read: %s", got < 0 ? strerror(errno) : "it ended");
		for (ssize_t i = 0; i < got / 8; i++) {
			uint64_t address = (entries[i] & PAGEMAP_FRAME) * step;

			if (!(entries[i] & PAGEMAP_PRESENT) || !address)
				continue;
			extent.known = true;
			if (address < extent.min)
				extent.min = address;
			if (address + step - 1 > extent.max)
				extent.max = address + step - 1;
		}
		done += got / 8;
	}
	close(fd);
	return extent;
}

static void report(const struct request *request, double seconds, const struct extent *extent)
{
	uint64_t pages = request->size / PAGE_BYTES;

	if (request->json) {
		printf("{\"pages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seed\":%" PRIu64 ",\"node\":", pages,
		       request->size, request->seed);
		if (request->device)
			printf("null");
		else
			printf("%d", request->node);
		printf(",\"seconds\":%.3f,\"physMin\":", seconds);
		if (extent->known)
			printf("\"0x%" PRIx64 "\",\"physMax\":\"0x%" PRIx64 "\"}\n", extent->min, extent->max);
		else
			printf("null,\"physMax\":null}\n");
	} else if (request->device) {
		printf("%" PRIu64 " pages of %s from offset 0x%" PRIx64 " %s in %.2f s\n", pages,
		       request->device, request->offset, request->write ? "written" : "verified", seconds);
	} else {
		printf("%" PRIu64 " pages in node %d filled and verified in %.2f s", pages, request->node,
		       seconds);
		if (extent->known)
			printf(", physical 0x%" PRIx64 " to 0x%" PRIx64, extent->min, extent->max);
		printf("\n");
	}
	fflush(stdout);
}

/* More than is free would not fail: the kernel would kill this program, or another one. */
static void check_room(int node, uint64_t bytes)
{
	char path[64], line[256];
	uint64_t free_kb = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", node);
	file = fopen(path, "re");
	if (!file)
		fail("there is no node %d online: %s cannot be opened", node, path);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Node %*d MemFree: %" SCNu64, &free_kb) == 1)
			break;
	fclose(file);
	if (bytes / 1024 > free_kb)
		fail("node %d has %" PRIu64 " KiB free, fewer than the %" PRIu64 " KiB asked for", node,
		     free_kb, bytes / 1024);
}

static void run_node(const struct request *request)
{
	unsigned long mask[MAX_NODES / (8 * sizeof(long))] = { 0 };
	uint64_t step = sysconf(_SC_PAGESIZE), pages = request->size / PAGE_BYTES;
	double began = now();
	struct extent extent;
	char *memory, line[256];

	check_room(request->node, request->size);
	memory = mmap(NULL, request->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		fail("cannot map 0x%" PRIx64 " bytes: %s", request->size, strerror(errno));
	mask[request->node / (8 * sizeof(long))] = 1UL << request->node % (8 * sizeof(long));
	if (syscall(SYS_mbind, memory, request->size, MPOL_BIND, mask, MAX_NODES, 0) < 0)
		fail("cannot bind memory to node %d: %s", request->node, strerror(errno));
	fill((volatile uint64_t *)memory, pages, request->seed);
	verify((volatile uint64_t *)memory, pages, request->seed, (uintptr_t)memory);
	check_nodes(memory, request->size, step, request->node);
	extent = physical(memory, request->size, step);
	report(request, now() - began, &extent);
	if (!request->hold)
		return;
	while (fgets(line, sizeof(line), stdin))
		;
	verify((volatile uint64_t *)memory, pages, request->seed, (uintptr_t)memory);
}

static void run_device(const struct request *request)
{
	struct extent extent = { 0 };
	double began = now();
	int fd = open(request->device, O_RDWR | O_CLOEXEC);
	void *memory;

	if (fd < 0)
		fail("cannot open %s: %s", request->device, strerror(errno));
	memory = mmap(NULL, request->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, request->offset);
	if (memory == MAP_FAILED)
		fail("cannot map 0x%" PRIx64 " bytes of %s at offset 0x%" PRIx64 ": %s", request->size,
		     request->device, request->offset, strerror(errno));
	if (request->write)
		fill(memory, request->size / PAGE_BYTES, request->seed);
	else
		verify(memory, request->size / PAGE_BYTES, request->seed, request->offset);
	report(request, now() - began, &extent);
}

int main(int argc, char **argv)
{
	enum { NODE = 1, DEVICE, OFFSET, SIZE, SEED, HOLD, JSON, WRITE, CHECK };
	static const struct option options[] = {
		{ "node", required_argument, NULL, NODE },     { "device", required_argument, NULL, DEVICE },
		{ "offset", required_argument, NULL, OFFSET }, { "size", required_argument, NULL, SIZE },
		{ "seed", required_argument, NULL, SEED },     { "hold", no_argument, NULL, HOLD },
		{ "json", no_argument, NULL, JSON },	       { "write", no_argument, NULL, WRITE },
		{ "check", no_argument, NULL, CHECK },	       { NULL, 0, NULL, 0 },
	};
	struct request request = { .node = -1 };
	bool seeded = false, placed = false;
	uint64_t node;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case NODE:
			node = parse_number(optarg, "--node");
			if (node >= MAX_NODES)
				usage("--node: nodes are numbered from 0 to 1023");
			request.node = node;
			break;
		case DEVICE:
			request.device = optarg;
			break;
		case OFFSET:
			request.offset = parse_number(optarg, "--offset");
			placed = true;
			break;
		case SIZE:
			request.size = parse_number(optarg, "--size");
			break;
		case SEED:
			request.seed = parse_number(optarg, "--seed");
			seeded = true;
			break;
		case HOLD:
			request.hold = true;
			break;
		case JSON:
			request.json = true;
			break;
		case WRITE:
			request.write = true;
			break;
		case CHECK:
			request.check = true;
			break;
		default:
			usage("unknown option, or an option without its value");
		}
	}
	if (optind != argc)
		usage("there is an argument too many");
	if ((request.node >= 0) == !!request.device)
		usage("give either --node or --device");
	if (!request.size || request.size % PAGE_BYTES || request.offset % PAGE_BYTES)
		usage("--size and --offset must be multiples of 4096, and --size not 0");
	if (!seeded)
		usage("--seed is missing");
	if (request.device && (!placed || request.hold || request.write == request.check))
		usage("--device needs --offset and either --write or --check, and takes no --hold");
	if (!request.device && (placed || request.write || request.check))
		usage("--offset, --write and --check are for --device");

	if (request.device)
		run_device(&request);
	else
		run_node(&request);
	return 0;
}
