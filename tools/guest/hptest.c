// SPDX-License-Identifier: Apache-2.0
/*
 * The test of hot-plugged memory that D4.4 §3.3.2 describes in step 4 (there: hptest3G).
 *
 *   hptest [--node N] [--leave MIB] [MIB]
 *
 * Allocates the heap page by page, stores each page's address in a table and fills the page with
 * the number of the iteration, so that it is there physically and is no copy-on-write page. A second
 * loop reads the numbers back, prints every 128th and verifies all of them. At the end it tells how
 * much memory was used and in which nodes the pages are.
 *
 * Ends the allocation at MIB, or when only --leave (50 by default) MiB are left, or when the kernel
 * refuses, whichever comes first: the last page would cost the life of a program. With --node the
 * pages come from that node and no other. Exit: 0 all is well; 1 a page did not hold what was
 * written, is in another node, or there was no memory at all; 2 wrong usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)
#define LEAVE_MIB 50
/* Indices are printed in steps, some to a line. */
#define PRINT_STEP 128
#define PRINT_LINE 16
/* Pages asked about in one system call. */
#define BATCH 4096
#define MAX_NODES 1024
/* From linux/mempolicy.h, which a libc for cross builds need not bring. */
#define MPOL_BIND 2
#define MPOL_LOCAL 4

static __attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("hptest: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static __attribute__((noreturn)) void usage(void)
{
	fputs("usage: hptest [--node N] [--leave MIB] [MIB]\n", stderr);
	exit(2);
}

static uint64_t number(const char *text, uint64_t max)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || value > max)
		usage();
	return value;
}

/* A field of a meminfo file in KiB; of a node's if it is not negative. */
static uint64_t meminfo(int node, const char *field)
{
	char path[64], line[256], name[64];
	uint64_t value;
	FILE *file;

	if (node < 0)
		snprintf(path, sizeof(path), "/proc/meminfo");
	else
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", node);
	file = fopen(path, "re");
	if (!file)
		fail("there is no node %d online: %s cannot be opened", node, path);
	while (fgets(line, sizeof(line), file)) {
		const char *rest = node < 0 ? line : strchr(line + 5, ' ');

		if (rest && sscanf(rest, " %63[^:]: %" SCNu64, name, &value) == 2 && !strcmp(name, field)) {
			fclose(file);
			return value;
		}
	}
	fail("%s has no %s", path, field);
}

static uint64_t left(int node)
{
	return meminfo(node, node < 0 ? "MemAvailable" : "MemFree") / 1024;
}

/*
 * The table of addresses: as long as it could become, and present only as far as it is used. It
 * must not take the memory that is tested.
 */
static uint64_t **make_table(uint64_t pages)
{
	uint64_t bytes = pages * sizeof(uint64_t *);
	void *table = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (table == MAP_FAILED)
		fail("no room for a table of %" PRIu64 " pages: %s", pages, strerror(errno));
	/* Without NUMA in the kernel there is nothing to keep apart. */
	if (syscall(SYS_mbind, table, bytes, MPOL_LOCAL, NULL, 0, 0) < 0 && errno != ENOSYS &&
	    errno != EPERM)
		fail("cannot keep the table away from the node: %s", strerror(errno));
	return table;
}

static void bind_to(int node)
{
	unsigned long mask[MAX_NODES / (8 * sizeof(long))] = { 0 };

	mask[node / (8 * sizeof(long))] = 1UL << node % (8 * sizeof(long));
	if (syscall(SYS_set_mempolicy, MPOL_BIND, mask, MAX_NODES) < 0)
		fail("cannot take memory from node %d: %s", node, strerror(errno));
}

static uint64_t allocate(uint64_t **table, uint64_t limit, uint64_t page, int node, uint64_t leave)
{
	uint64_t per_mib = MIB / page, done = 0;

	while (done < limit) {
		uint64_t *address;

		if (done % per_mib == 0 && left(node) <= leave)
			break;
		/* The heap itself: malloc() would put its own words between the pages. */
		address = sbrk((intptr_t)page);
		if (address == (void *)-1)
			break;
		table[done] = address;
		for (uint64_t word = 0; word < page / sizeof(*address); word++)
			address[word] = done;
		done++;
		if (done % per_mib == 0)
			printf("Allocated: %" PRIu64 " M\n", done / per_mib);
	}
	return done;
}

static void read_back(uint64_t *const *table, uint64_t pages, uint64_t page)
{
	for (uint64_t i = 0; i < pages; i++) {
		const volatile uint64_t *address = table[i];

		for (uint64_t word = 0; word < page / sizeof(*address); word++)
			if (address[word] != i)
				fail("page %" PRIu64 " at %p: word %" PRIu64 " is %" PRIu64, i,
				     (const void *)address, word, address[word]);
		if (i % PRINT_STEP == 0)
			printf("%s%" PRIu64,
			       !i ? "" : i / PRINT_STEP % PRINT_LINE ? ", " : ",\n", address[0]);
	}
	printf("\n");
}

/* Where the kernel says the pages are; all of them in `node`, if it is not negative. */
static void show_nodes(uint64_t *const *table, uint64_t pages, int node)
{
	static uint64_t count[MAX_NODES];
	static int status[BATCH];

	for (uint64_t done = 0; done < pages;) {
		uint64_t part = pages - done < BATCH ? pages - done : BATCH;

		if (syscall(SYS_move_pages, 0, part, table + done, NULL, status, 0) < 0) {
			if (node < 0 && (errno == ENOSYS || errno == EPERM))
				return;
			fail("move_pages cannot tell where pages are: %s", strerror(errno));
		}
		for (uint64_t i = 0; i < part; i++) {
			if (status[i] < 0 || status[i] >= MAX_NODES)
				fail("page %" PRIu64 " is nowhere: %s", done + i, strerror(-status[i]));
			count[status[i]]++;
		}
		done += part;
	}
	for (int i = 0; i < MAX_NODES; i++) {
		if (!count[i])
			continue;
		printf("Pages in node %d: %" PRIu64 "\n", i, count[i]);
		if (node >= 0 && i != node)
			fail("%" PRIu64 " pages are in node %d, not in node %d", count[i], i, node);
	}
}

static void show_usage(uint64_t pages, uint64_t page, int node)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	printf("Memory usage: %" PRIu64 " pages of %" PRIu64 " bytes, %" PRIu64 " M; resident at most %ld M; "
	       "page faults %ld\n",
	       pages, page, pages * page / MIB, usage.ru_maxrss / 1024, usage.ru_minflt + usage.ru_majflt);
	if (node >= 0)
		printf("Node %d: total %" PRIu64 " M, free %" PRIu64 " M\n", node,
		       meminfo(node, "MemTotal") / 1024, meminfo(node, "MemFree") / 1024);
	else
		printf("System: total %" PRIu64 " M, free %" PRIu64 " M\n",
		       meminfo(-1, "MemTotal") / 1024, meminfo(-1, "MemFree") / 1024);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "node", required_argument, NULL, 'n' },
		{ "leave", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	/* stdio must not put its buffer into the heap that is tested. */
	static char buffer[1 << 16];
	uint64_t page = sysconf(_SC_PAGESIZE), leave = LEAVE_MIB, limit = 0, pages;
	uint64_t **table;
	int node = -1, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'n')
			node = number(optarg, MAX_NODES - 1);
		else if (option == 'l')
			leave = number(optarg, UINT32_MAX);
		else
			usage();
	}
	if (argc - optind > 1)
		usage();
	if (optind < argc) {
		limit = number(argv[optind], UINT32_MAX);
		if (!limit)
			usage();
	}
	setvbuf(stdout, buffer, _IOLBF, sizeof(buffer));

	printf("Hello hot-plug\n");
	/* More than the node or the machine has cannot come. */
	pages = meminfo(node, "MemTotal") * 1024 / page;
	if (limit && limit * (MIB / page) < pages)
		pages = limit * (MIB / page);
	table = make_table(pages + 1);
	if (node >= 0)
		bind_to(node);
	pages = allocate(table, pages, page, node, leave);
	if (!pages)
		fail("no memory: %" PRIu64 " M are free, %" PRIu64 " M are to be left (--leave)",
		     left(node), leave);
	read_back(table, pages, page);
	show_nodes(table, pages, node);
	show_usage(pages, page, node);
	return 0;
}
