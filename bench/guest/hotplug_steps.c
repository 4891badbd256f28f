// SPDX-License-Identifier: Apache-2.0
/*
 * Hot-plugs one range once, in the guest, by the module's own way or through dax/kmem, and prints
 * what each step took: "STEP NANOSECONDS". Both ways are written the same: one write per command or
 * block, the clock read right before and right after.
 *
 *   hotplug_steps module|kmem START SIZE NODE USED     USED bytes are in use at the second offline
 *
 * sdmc_mem has parked the window, and nothing of it is claimed. For kmem, the kernel's dax_hmem and
 * kmem are inserted. With TRACE=1 also each memory block's time: "STEP.BLOCK NANOSECONDS".
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WINDOW "/sys/class/misc/sdm-window/"
#define MEMORY "/sys/devices/system/memory/"
#define PLATFORM "/sys/bus/platform/devices/"
#define UNBIND "/sys/bus/dax/drivers/kmem/unbind"

static uint64_t start, size, block_size;
static int trace;

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "hotplug_steps: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Writes a text to a file; only the write is timed, since a shell or an agent may keep files open. */
static uint64_t timed_write(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY);
	uint64_t before, after;

	if (fd < 0)
		die(file);
	before = now();
	if (write(fd, text, strlen(text)) < 0)
		die(file);
	after = now();
	close(fd);
	return after - before;
}

__attribute__((format(printf, 2, 3)))
static uint64_t command(const char *name, const char *format, ...)
{
	char file[128], text[128];
	va_list args;

	snprintf(file, sizeof(file), WINDOW "%s", name);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return timed_write(file, text);
}

static void told(const char *step, uint64_t ns)
{
	printf("%s %llu\n", step, (unsigned long long)ns);
}

static void blocks(const char *step, const char *state)
{
	uint64_t total = 0;
	char file[128];

	for (uint64_t at = start; at < start + size; at += block_size) {
		uint64_t ns;

		snprintf(file, sizeof(file), MEMORY "memory%llu/state",
			 (unsigned long long)(at / block_size));
		ns = timed_write(file, state);
		if (trace)
			printf("%s.%llu %llu\n", step, (unsigned long long)(at / block_size),
			       (unsigned long long)ns);
		total += ns;
	}
	told(step, total);
}

/* Memory of the node, written to: what is there is moved, not dropped. */
static void *use(int node, size_t used)
{
	unsigned long mask = 1ul << node;
	char *addr = mmap(NULL, used, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (addr == MAP_FAILED)
		die("mmap");
	/* Small pages, so that rounds are alike whatever huge pages are at hand. */
	madvise(addr, used, MADV_NOHUGEPAGE);
	if (syscall(SYS_mbind, addr, used, MPOL_BIND, &mask, 8 * sizeof(mask), 0))
		die("mbind");
	for (size_t i = 0; i < used; i += 4096)
		*(volatile uint64_t *)(addr + i) = i + 1;
	return addr;
}

static void still_there(const char *addr, size_t used)
{
	for (size_t i = 0; i < used; i += 4096) {
		if (*(const volatile uint64_t *)(addr + i) != i + 1) {
			fprintf(stderr, "hotplug_steps: lost the byte at %#zx\n", i);
			exit(1);
		}
	}
}

static uint64_t read_hex(const char *file)
{
	char text[32] = "";
	int fd = open(file, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		die(file);
	close(fd);
	return strtoull(text, NULL, 16);
}

/* The DAX device that the kernel made of the range: "dax0.0". */
static void dax_device(char *name, size_t len)
{
	char file[160], hmem[64] = "";
	struct dirent *entry;
	DIR *dir;
	int fd;

	snprintf(file, sizeof(file), WINDOW "regions/%#llx-%#llx/hmem", (unsigned long long)start,
		 (unsigned long long)(start + size - 1));
	fd = open(file, O_RDONLY);
	if (fd < 0 || read(fd, hmem, sizeof(hmem) - 1) <= 0)
		die(file);
	close(fd);
	hmem[strcspn(hmem, "\n")] = '\0';
	snprintf(file, sizeof(file), PLATFORM "%s", hmem);
	dir = opendir(file);
	if (!dir)
		die(file);
	while ((entry = readdir(dir))) {
		int region, id;

		if (sscanf(entry->d_name, "dax%d.%d", &region, &id) == 2) {
			snprintf(name, len, "dax%d.%d", region, id);
			closedir(dir);
			return;
		}
	}
	errno = ENODEV;
	die(file);
}

static uint64_t remove_range(int kmem)
{
	unsigned long long s = start, n = size;
	char dax[32];
	uint64_t ns;

	if (!kmem)
		return command("remove", "%#llx %#llx", s, n);
	dax_device(dax, sizeof(dax));
	ns = timed_write(UNBIND, dax);
	return ns + command("unhmem", "%#llx %#llx", s, n);
}

int main(int argc, char **argv)
{
	unsigned long long s, n;
	int kmem, node;
	size_t used;
	char *addr;

	if (argc != 6 || (strcmp(argv[1], "module") && strcmp(argv[1], "kmem"))) {
		fputs("usage: hotplug_steps module|kmem START SIZE NODE USED\n", stderr);
		return 2;
	}
	kmem = !strcmp(argv[1], "kmem");
	start = s = strtoull(argv[2], NULL, 0);
	size = n = strtoull(argv[3], NULL, 0);
	node = atoi(argv[4]);
	used = strtoull(argv[5], NULL, 0);
	trace = getenv("TRACE") != NULL;
	block_size = read_hex(MEMORY "block_size_bytes");

	command("claim", "%#llx %#llx", s, n);
	/* What the caches hold is written back here, so that add has the same to do either way. */
	told("flush", command("flush", "%#llx %#llx", s, n));
	told("add", command(kmem ? "hmem" : "add", "%#llx %#llx %d", s, n, node));
	blocks("online", "online_movable");
	blocks("offline-idle", "offline");
	blocks("online-again", "online_movable");
	addr = use(node, used);
	blocks("offline-used", "offline");
	still_there(addr, used);
	munmap(addr, used);
	told("remove", remove_range(kmem));
	command("release", "%#llx %#llx", s, n);
	return 0;
}
