// SPDX-License-Identifier: Apache-2.0
/*
 * Uses memory of a NUMA node all the time, and notices every byte that is not as it was written.
 *
 *   memchurn --node N --size BYTES [--spill]
 *     Half of it private to the program, half of it shared memory (tmpfs), bound to node N: writes
 *     every page, checks that each lies in the node, prints a line, and then verifies pages at
 *     random and writes some of them anew, until standard input ends. Then it verifies all of them.
 *     With --spill pages may lie elsewhere by the time that all are written: more than the node can
 *     hold, so that the kernel moves some to a lower tier.
 *
 * Where the pages lie meanwhile is the kernel's business: that they may be moved is what it is for.
 * Exit: 0 all is well; 1 a byte or the system is not as it must be; 2 wrong usage. At the end it
 * prints how many pages it verified and wrote.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define PAGE_WORDS (PAGE_BYTES / 8)
/* From linux/mempolicy.h, which a libc for cross builds need not bring. */
#define MPOL_BIND 2
/* Between two looks at standard input. */
#define TURNS 64

static uint64_t *memory;
static uint32_t *versions;
static size_t pages, verified, written;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "memchurn: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t base_of(size_t page)
{
	return mix((uint64_t)page << 32 | versions[page]);
}

static void write_page(size_t page)
{
	uint64_t *words = memory + page * PAGE_WORDS;
	uint64_t base;

	versions[page]++;
	base = base_of(page);
	for (size_t i = 0; i < PAGE_WORDS; i++)
		words[i] = base + i;
	written++;
}

static void verify_page(size_t page)
{
	const volatile uint64_t *words = memory + page * PAGE_WORDS;
	uint64_t base = base_of(page);

	for (size_t i = 0; i < PAGE_WORDS; i++) {
		uint64_t found = words[i];

		if (found == base + i)
			continue;
		fprintf(stderr, "memchurn: page %zu, word %zu: %#" PRIx64 " instead of %#" PRIx64 "\n",
			page, i, found, base + i);
		exit(1);
	}
	verified++;
}

static void bind_to(int node, void *addr, size_t size)
{
	unsigned long mask = 1ul << node;

	if (syscall(SYS_mbind, addr, size, MPOL_BIND, &mask, 8 * sizeof(mask), 0))
		fail("mbind");
}

/* One range, of which the second half is shared memory; huge pages would hide single ones. */
static void make(int node, size_t size)
{
	char *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t half = size / 2;

	if (addr == MAP_FAILED)
		fail("mmap");
	if (mmap(addr + half, half, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		fail("mmap, shared");
	bind_to(node, addr, half);
	bind_to(node, addr + half, half);
	memory = (uint64_t *)addr;
	pages = size / PAGE_BYTES;
	versions = calloc(pages, sizeof(*versions));
	if (!versions)
		fail("calloc");
	for (size_t page = 0; page < pages; page++)
		write_page(page);
}

static size_t pages_in(int node)
{
	size_t count = 0;

	for (size_t page = 0; page < pages; page++) {
		void *addr = memory + page * PAGE_WORDS;
		int found = -1;

		if (syscall(SYS_move_pages, 0, 1ul, &addr, NULL, &found, 0))
			fail("move_pages");
		count += found == node;
	}
	return count;
}

static int input_ended(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char c;

	return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, &c, 1) <= 0;
}

int main(int argc, char **argv)
{
	uint64_t random = 1;
	size_t size, there;
	int node, spill;

	spill = argc == 6 && !strcmp(argv[5], "--spill");
	if (argc != 5 + spill || strcmp(argv[1], "--node") || strcmp(argv[3], "--size")) {
		fputs("usage: memchurn --node N --size BYTES [--spill]\n", stderr);
		return 2;
	}
	node = atoi(argv[2]);
	size = strtoull(argv[4], NULL, 0) & ~(size_t)(2 * PAGE_BYTES - 1);
	make(node, size);
	there = pages_in(node);
	if (there != pages && !spill) {
		fprintf(stderr, "memchurn: %zu of %zu pages are in node %d\n", there, pages, node);
		return 1;
	}
	printf("%zu of %zu pages in node %d\n", there, pages, node);
	fflush(stdout);

	while (!input_ended()) {
		for (int i = 0; i < TURNS; i++) {
			size_t page = (random = mix(random + 1)) % pages;

			verify_page(page);
			if (random >> 62 == 0)
				write_page(page);
		}
	}
	for (size_t page = 0; page < pages; page++)
		verify_page(page);
	printf("%zu pages verified, %zu written, %zu in node %d\n", verified, written, pages_in(node),
	       node);
	return 0;
}
