// SPDX-License-Identifier: Apache-2.0
/*
 * Pins pages of a NUMA node, so that a memory block there cannot go offline:
 *
 *   mempin --node N [--pages P]
 *
 * The pages are put into a pipe with vmsplice(2), which holds a reference on each of them; the
 * kernel cannot migrate such a page. Prints "pinned P pages in node N" and holds them until its
 * standard input ends. Exit code: 0, 1 when the kernel refuses, 2 for bad usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MPOL_BIND 2
#define BITS_PER_WORD (8 * sizeof(unsigned long))
#define NODE_WORDS 16

static int usage(void)
{
	fprintf(stderr, "usage: mempin --node N [--pages P]\n");
	return 2;
}

static int refused(const char *what)
{
	fprintf(stderr, "mempin: %s: %s\n", what, strerror(errno));
	return 1;
}

static int parse(const char *text, unsigned long max, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 0);
	return errno != 0 || end == text || *end != '\0' || *value > max ? -1 : 0;
}

int main(int argc, char **argv)
{
	unsigned long node = NODE_WORDS * BITS_PER_WORD, pages = 16, i;
	unsigned long mask[NODE_WORDS] = { 0 };
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size;
	struct iovec range;
	int pipe_fds[2];
	char *memory, byte;

	for (int a = 1; a + 1 < argc; a += 2) {
		if (strcmp(argv[a], "--node") == 0) {
			if (parse(argv[a + 1], NODE_WORDS * BITS_PER_WORD - 1, &node) != 0)
				return usage();
		} else if (strcmp(argv[a], "--pages") == 0) {
			if (parse(argv[a + 1], 256, &pages) != 0 || pages == 0)
				return usage();
		} else {
			return usage();
		}
	}
	if (argc % 2 == 0 || node == NODE_WORDS * BITS_PER_WORD)
		return usage();

	size = pages * page;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return refused("mmap");
	mask[node / BITS_PER_WORD] = 1UL << (node % BITS_PER_WORD);
	if (syscall(SYS_mbind, memory, size, MPOL_BIND, mask, NODE_WORDS * BITS_PER_WORD, 0) != 0)
		return refused("mbind");
	for (i = 0; i < pages; i++)
		memory[i * page] = (char)i;

	if (pipe(pipe_fds) != 0)
		return refused("pipe");
	if (fcntl(pipe_fds[1], F_SETPIPE_SZ, (int)size) < 0)
		return refused("F_SETPIPE_SZ");
	range.iov_base = memory;
	range.iov_len = size;
	while (range.iov_len > 0) {
		ssize_t spliced = vmsplice(pipe_fds[1], &range, 1, 0);

		if (spliced < 0)
			return refused("vmsplice");
		range.iov_base = (char *)range.iov_base + spliced;
		range.iov_len -= (size_t)spliced;
	}

	printf("pinned %lu pages in node %lu\n", pages, node);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
