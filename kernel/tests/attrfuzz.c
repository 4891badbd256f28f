// SPDX-License-Identifier: GPL-2.0
/*
 * Random writes into all attributes below directories of sysfs, from several
 * processes at once.
 *
 *   attrfuzz SEED WRITES PROCESSES DIRECTORY...
 *
 * Every name of an attribute gets WRITES of them, each into a file of that name
 * picked anew: directories come and go meanwhile. Some are commands and numbers
 * as they should be, some nearly, some anything; files that can be read are read
 * now and then. Says what it did, and fails only if it could not do it: whether
 * the kernel bore it is for its log to say.
 *
 * WINDOW="START SIZE" and BLOCK=BYTES, from the environment, are where memory is.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attrfuzz.h"

#define FILES_MAX	4096
#define NAMES_MAX	128
/* Files are looked up again after so many writes. */
#define WALK_EVERY	256

static char *files[FILES_MAX];
static int nfiles;
static char *names[NAMES_MAX];
static int nnames;

/* Not the driver core's own, which are on every device. */
static int foreign(const char *name)
{
	return !strcmp(name, "power") || !strcmp(name, "uevent") || !strcmp(name, "subsystem");
}

static void walk(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[1024];

		if (e->d_name[0] == '.' || foreign(e->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_type == DT_DIR)
			walk(path);
		else if (e->d_type == DT_REG && nfiles < FILES_MAX)
			files[nfiles++] = strdup(path);
	}
	if (d)
		closedir(d);
}

static void walk_all(char *dirs[])
{
	while (nfiles)
		free(files[--nfiles]);
	for (; *dirs; dirs++)
		walk(*dirs);
}

/* The names of what can be written. */
static void collect_names(void)
{
	for (int i = 0; i < nfiles; i++) {
		struct stat st;
		int known = 0;

		if (stat(files[i], &st) || !(st.st_mode & 0222))
			continue;
		for (int n = 0; n < nnames; n++)
			known |= !strcmp(names[n], base(files[i]));
		if (!known && nnames < NAMES_MAX)
			names[nnames++] = strdup(base(files[i]));
	}
}

/* A file of that name, each as likely; NULL if there is none at the moment. */
static const char *file_of(const char *name)
{
	const char *found = NULL;
	unsigned int seen = 0;

	for (int i = 0; i < nfiles; i++)
		if (!strcmp(base(files[i]), name) && !below(++seen))
			found = files[i];
	return found;
}

static void read_one(const char *path, char *buf)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return;
	if (pread(fd, buf, 1 + below(70000), below(4) ? 0 : (off_t)below(70000)) < 0)
		buf[0] = 0;
	close(fd);
}

/* One process: all names in turn, from a place of its own. Exits with 1 if one was never there. */
static int work(char *dirs[], unsigned int writes, int first)
{
	static char buf[HUGE_MAX + 256];
	unsigned int accepted = 0, refused = 0, done = 0;
	unsigned int missed[NAMES_MAX] = { 0 };

	for (unsigned int i = 0; i < writes; i++) {
		for (int n = 0; n < nnames; n++) {
			int name = (n + first) % nnames;
			const char *path;
			int fd;
			size_t len;

			if (done++ % WALK_EVERY == 0)
				walk_all(dirs);
			path = file_of(names[name]);
			fd = path ? open(path, O_WRONLY | O_NONBLOCK) : -1;
			if (fd < 0) {
				missed[name]++;
				continue;
			}
			len = payload(buf, path, files, nfiles);
			if (pwrite(fd, buf, len, below(32) ? 0 : (off_t)below(5000)) < 0)
				refused++;
			else
				accepted++;
			close(fd);
			if (nfiles && !below(8))
				read_one(files[below(nfiles)], buf);
		}
	}
	printf("# attrfuzz: %u writes accepted, %u refused\n", accepted, refused);
	for (int n = 0; n < nnames; n++) {
		if (missed[n] == writes) {
			printf("# attrfuzz: %s was never there\n", names[n]);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char *argv[])
{
	const char *window = getenv("WINDOW"), *size = getenv("BLOCK");
	unsigned int writes, processes;
	int failed = 0, status;

	if (argc < 5 || !window || !size ||
	    sscanf(window, "%" SCNi64 " %" SCNi64, (int64_t *)&window_start,
		   (int64_t *)&window_size) != 2) {
		fprintf(stderr, "usage: WINDOW='START SIZE' BLOCK=BYTES attrfuzz SEED WRITES "
			"PROCESSES DIRECTORY...\n");
		return 2;
	}
	block = strtoull(size, NULL, 0);
	state = strtoull(argv[1], NULL, 0);
	writes = atoi(argv[2]);
	processes = atoi(argv[3]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	walk_all(argv + 4);
	collect_names();
	printf("# attrfuzz: seed %s, %d attributes in %d files, %u writes into each by %u\n",
	       argv[1], nnames, nfiles, writes, processes);
	if (!nnames || !processes)
		return 1;
	fflush(stdout);
	for (unsigned int p = 0; p < processes; p++) {
		/* Each its part of the writes, and its own row of numbers. */
		state += 0xda942042e4dd58b5ULL;
		if (fork() == 0)
			exit(work(argv + 4, (writes + processes - 1) / processes,
				  p * nnames / processes));
	}
	while (wait(&status) > 0)
		failed |= status != 0;
	return failed;
}
