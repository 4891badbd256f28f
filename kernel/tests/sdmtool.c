// SPDX-License-Identifier: GPL-2.0
/*
 * What the guest tests of the kernel modules need and a shell lacks: errnos by
 * name, mappings, memory bound to a node, pinned pages, writes with a deadline.
 *
 * Every command prints one word or line and exits 0 if it says "ok".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
	"put FILE TEXT [MS]               write TEXT at once, interrupted after MS ms\n"
	"map FILE OFFSET SIZE [HOW]       HOW: private, exec, hold, touch, fork, split, fill=N, check=N,\n"
	"                                 readonly=N: check=N through a file opened to read only;\n"
	"                                 dead: what becomes of all that touch it, after input ends;\n"
	"                                 storm: map, and touch until it is taken away, again and again\n"
	"node NODE SIZE [hold]            fill memory bound to NODE and verify it\n"
	"pin NODE                         hold a page of NODE in a pipe\n"
	"kernel NODE                      hold pages of the kernel's own on NODE\n"
	"huge SIZE                        reserve huge pages and touch none\n"
	"kernel, huge, pin, hold, touch, fork, split, dead and storm print a line and wait for the end of input\n";

static int fail(const char *what)
{
	const char *name = strerrorname_np(errno);

	printf("%s\n", name ? name : what);
	return 1;
}

static int ok(void)
{
	printf("ok\n");
	return 0;
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (!*text || *end) {
		fprintf(stderr, "not a number: %s\n", text);
		exit(2);
	}
	return value;
}

/* Tells the script that it may go on, and waits for it. */
static void hold(const char *line)
{
	char c;

	printf("%s\n", line);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

static void on_alarm(int sig)
{
	(void)sig;
}

static int put(const char *file, const char *text, int ms)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct timeval period = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	/* Again and again: the first may come before the write does. */
	struct itimerval timer = { .it_value = period, .it_interval = period };
	int fd = open(file, O_WRONLY);

	if (fd < 0)
		return fail("open");
	if (ms) {
		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &timer, NULL);
	}
	if (write(fd, text, strlen(text)) < 0)
		return fail("write");
	return ok();
}

static uint64_t pattern(uint64_t seed, size_t index)
{
	return (seed + index) * 0x9e3779b97f4a7c15ull;
}

static void fill(volatile uint64_t *words, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size / 8; i++)
		words[i] = pattern(seed, i);
}

static int check(volatile uint64_t *words, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size / 8; i++) {
		if (words[i] != pattern(seed, i)) {
			printf("differs at %#zx\n", i * 8);
			return 1;
		}
	}
	return ok();
}

static sigjmp_buf bus;

static void on_bus(int sig)
{
	siglongjmp(bus, sig);
}

/* Touches each page; -1 if that was a SIGBUS, and pages before are touched. */
static int touch(volatile char *addr, size_t size, volatile size_t *touched)
{
	struct sigaction action = { .sa_handler = on_bus };

	*touched = 0;
	sigaction(SIGBUS, &action, NULL);
	if (sigsetjmp(bus, 1))
		return -1;
	for (size_t i = 0; i < size; i += getpagesize()) {
		addr[i] = 1;
		++*touched;
	}
	return 0;
}

/*
 * What becomes of a mapping that is in use, of a child's copy of it, and of a
 * system call that reads it.
 */
static int dead(char *addr, size_t size)
{
	volatile size_t touched;
	int ends[2];
	int status;
	pid_t child;

	memset(addr, 1, size);
	child = fork();
	if (!child) {
		memset(addr, 2, size);
		while (read(STDIN_FILENO, &status, 1) > 0)
			;
		*(volatile char *)addr = 3;
		_exit(0);
	}
	hold("ok");
	if (child < 0 || pipe(ends) || waitpid(child, &status, 0) != child)
		return fail("fork");
	printf("%s", touch(addr, size, &touched) ? "SIGBUS" : "ok");
	printf(" %zu", touched);
	printf(" %s", WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS ? "SIGBUS" : "ok");
	printf(" %s\n", write(ends[1], addr, 8) < 0 ? strerrorname_np(errno) : "ok");
	return 0;
}

/* Says at the end whether pages were touched, and whether some were taken away. */
static int storm(int fd, uint64_t offset, size_t size)
{
	size_t *counts = mmap(NULL, 2 * sizeof(*counts), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile size_t touched;
	pid_t child = fork();
	int taken;

	while (!child) {
		void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

		if (addr == MAP_FAILED)
			continue;
		do {
			taken = touch(addr, size, &touched);
			counts[0] += touched;
		} while (!taken);
		counts[1]++;
		munmap(addr, size);
	}
	hold("ok");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	printf("%s %s\n", counts[0] ? "touched" : "idle", counts[1] ? "SIGBUS" : "undisturbed");
	return 0;
}

static int map(const char *file, uint64_t offset, size_t size, const char *how)
{
	int flags = !strcmp(how, "private") ? MAP_PRIVATE : MAP_SHARED;
	int readonly = !strncmp(how, "readonly=", 9);
	int prot = PROT_READ | (readonly ? 0 : PROT_WRITE) | (!strcmp(how, "exec") ? PROT_EXEC : 0);
	int fd = open(file, (readonly ? O_RDONLY : O_RDWR) | O_SYNC);
	char *addr;
	pid_t child;

	if (fd < 0)
		return fail("open");
	if (!strcmp(how, "storm"))
		return storm(fd, offset, size);
	addr = mmap(NULL, size, prot, flags, fd, offset);
	if (addr == MAP_FAILED)
		return fail("mmap");
	close(fd);

	if (readonly) {
		if (!mprotect(addr, size, PROT_READ | PROT_WRITE)) {
			printf("can be made writable\n");
			return 1;
		}
		return check((void *)addr, size, number(how + 9));
	}
	if (!strncmp(how, "fill=", 5))
		fill((void *)addr, size, number(how + 5));
	if (!strncmp(how, "check=", 6))
		return check((void *)addr, size, number(how + 6));
	if (!strcmp(how, "split")) {
		/* Locking must not touch it, growing must be refused. */
		if (mlock(addr, size))
			return fail("mlock");
		if (munmap(addr + size / 4, size / 4))
			return fail("munmap");
		if (mremap(addr, size / 4, size / 2, MREMAP_MAYMOVE) != MAP_FAILED)
			return fail("mremap");
		memset(addr, 1, size / 4);
		memset(addr + size / 2, 1, size / 2);
		hold("ok");
		return 0;
	}
	if (!strcmp(how, "dead"))
		return dead(addr, size);
	if (!strcmp(how, "fork")) {
		child = fork();
		if (!child) {
			memset(addr, 2, size);
			pause();
		}
		hold("ok");
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		return 0;
	}
	if (!strcmp(how, "hold")) {
		hold("ok");
		return 0;
	}
	if (!strcmp(how, "touch")) {
		hold("ok");
		*(volatile char *)addr = 1;
	}
	return ok();
}

static void *bound(int node, size_t size, int flags)
{
	unsigned long mask = 1ul << node;
	void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (addr == MAP_FAILED)
		return NULL;
	if (syscall(SYS_mbind, addr, size, MPOL_BIND, &mask, 8 * sizeof(mask), 0))
		return NULL;
	return addr;
}

static int use_node(int node, size_t size, const char *how)
{
	void *addr = bound(node, size, 0);

	if (!addr)
		return fail("mbind");
	fill(addr, size, 7);
	if (!strcmp(how, "hold"))
		hold("ok");
	return check(addr, size, 7);
}

static uint64_t physical(const void *addr)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)addr / getpagesize() * 8) != 8)
		return 0;
	close(fd);
	return (entry & ((1ull << 55) - 1)) * getpagesize();
}

static int pin(int node)
{
	size_t size = getpagesize();
	struct iovec vec = { .iov_len = size };
	char line[32];
	int ends[2];

	vec.iov_base = bound(node, size, 0);
	if (!vec.iov_base)
		return fail("mbind");
	memset(vec.iov_base, 3, size);
	if (pipe(ends))
		return fail("pipe");
	if (vmsplice(ends[1], &vec, 1, 0) != (ssize_t)size)
		return fail("vmsplice");
	snprintf(line, sizeof(line), "%#llx", (unsigned long long)physical(vec.iov_base));
	hold(line);
	return 0;
}

/* What the kernel allocates for a task follows its policy: here, a full pipe. */
static int kernel(int node)
{
	unsigned long mask = 1ul << node;
	char page[4096] = { 0 };
	int ends[2];

	if (syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 8 * sizeof(mask)))
		return fail("set_mempolicy");
	if (pipe2(ends, O_NONBLOCK))
		return fail("pipe2");
	while (write(ends[1], page, sizeof(page)) > 0)
		;
	hold("ok");
	return 0;
}

/* A reservation with no page touched: free huge pages that must stay. */
static int huge(size_t size)
{
	if (mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		 -1, 0) == MAP_FAILED)
		return fail("mmap");
	hold("ok");
	return 0;
}

int main(int argc, char **argv)
{
	const char *how = argc > 3 ? argv[argc - 1] : "";

	if (argc >= 4 && !strcmp(argv[1], "put"))
		return put(argv[2], argv[3], argc > 4 ? number(argv[4]) : 0);
	if (argc >= 5 && !strcmp(argv[1], "map"))
		return map(argv[2], number(argv[3]), number(argv[4]), argc > 5 ? how : "");
	if (argc >= 4 && !strcmp(argv[1], "node"))
		return use_node(number(argv[2]), number(argv[3]), argc > 4 ? how : "");
	if (argc == 3 && !strcmp(argv[1], "pin"))
		return pin(number(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "kernel"))
		return kernel(number(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "huge"))
		return huge(number(argv[2]));
	fputs(usage, stderr);
	return 2;
}
