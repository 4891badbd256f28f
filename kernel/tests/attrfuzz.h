/* SPDX-License-Identifier: GPL-2.0 */
/* What attrfuzz writes: as it should be, nearly, or anything. */
#ifndef ATTRFUZZ_H
#define ATTRFUZZ_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The longest payload. */
#define HUGE_MAX	(256 * 1024)

/* Where memory is, and in which units it is added. */
static uint64_t window_start, window_size, block;

static uint64_t state;

/* splitmix64: any seed will do, also 0. */
static uint64_t rnd(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static unsigned int below(unsigned int n)
{
	return rnd() % n;
}

static const char *base(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* A number that may mean something: an address, a size, an id, or their neighbours. */
static uint64_t number(void)
{
	uint64_t value;

	switch (below(8)) {
	case 0:
		return below(40);
	case 1:
		value = window_start;
		break;
	case 2:
		value = window_start + (uint64_t)below(9) * block;
		break;
	case 3:
		value = (uint64_t)(below(4) + 1) * block;
		break;
	case 4:
		value = window_start + (rnd() % window_size & ~0xfffULL);
		break;
	case 5:
		value = 1ULL << below(64);
		break;
	case 6:
		value = (uint64_t)below(256) << 12;
		break;
	default:
		value = rnd();
	}
	return below(8) ? value : value + below(5) - 2;
}

static int put_number(char *to, uint64_t value)
{
	static const char *const forms[] = {
		"%" PRIu64, "0x%" PRIx64, "0x%" PRIx64, "0X%" PRIX64, "0x%016" PRIx64,
		"-%" PRIu64, "-0x%" PRIx64, "+%" PRIu64, "%" PRIx64, "0%" PRIo64, "0x0x%" PRIx64,
	};

	/* Mostly as they should be. */
	return sprintf(to, forms[below(4) ? below(3) : below(sizeof(forms) / sizeof(*forms))],
		       value);
}

/* A region that there is: directories are named by their first and last address. */
static int put_region(char *to, char *const files[], unsigned int nfiles)
{
	for (int tries = 0; tries < 64 && nfiles; tries++) {
		const char *at = strstr(files[below(nfiles)], "/regions/");
		uint64_t first, last;

		if (at && sscanf(at, "/regions/0x%" SCNx64 "-0x%" SCNx64, &first, &last) == 2)
			return sprintf(to, "0x%" PRIx64 " 0x%" PRIx64, first, last - first + 1);
	}
	return 0;
}

/* A range of whole blocks, or of pages, in the window. */
static int put_range(char *to, char *const files[], unsigned int nfiles)
{
	uint64_t unit = below(4) ? block : 4096;
	uint64_t start = below(window_size / unit);
	uint64_t count = 1 + below(3);
	int len = below(2) ? put_region(to, files, nfiles) : 0;

	return len ? len : sprintf(to, "0x%" PRIx64 " 0x%" PRIx64, window_start + start * unit, count * unit);
}

/* What this attribute of a memport should be; 0 if it is no such attribute. */
static int put_memport(char *to, const char *path)
{
	const char *port = strstr(path, "/memport/memport"), *name = base(path);
	uint64_t offset = (uint64_t)below(window_size / block) * block;

	if (!port)
		return 0;
	if (!strcmp(name, "startAddress"))
		return sprintf(to, "0x%" PRIx64, window_start + offset);
	if (!strcmp(name, "endAddress"))
		return sprintf(to, "0x%" PRIx64, window_start + offset + block - 1);
	if (!strcmp(name, "offset"))
		return sprintf(to, "-0x%" PRIx64, window_start);
	return sprintf(to, "%d", atoi(port + strlen("/memport/memport")));
}

/*
 * What to write to the file of that path, with room for HUGE_MAX bytes: its length.
 * The files are those there are now.
 */
static size_t payload(char *to, const char *path, char *const files[], unsigned int nfiles)
{
	static const char *const words[] = {
		"none", "memmap", "auto", "on", "off", "y", "1", "0", "-1", "add", "\n", " ", "%s%n",
	};
	size_t n;
	int len = 0;

	if (below(2))
		len = put_memport(to, path);
	if (len)
		return len;
	switch (below(16)) {
	case 0:
		return 0;
	case 1:
		return sprintf(to, "%s\n", words[below(sizeof(words) / sizeof(*words))]);
	case 2:	/* binary */
		n = below(200);
		for (size_t i = 0; i < n; i++)
			to[i] = rnd();
		return n;
	case 3:	/* huge */
		n = below(8) ? 4000 + below(200) : below(HUGE_MAX);
		memset(to, "0 x1\n\0f"[below(7)], n);
		return n;
	case 4: /* the whole window */
		return sprintf(to, "0x%" PRIx64 " 0x%" PRIx64 "\n", window_start, window_size);
	case 5:
	case 6:
	case 7:	/* a range as it should be, with a node and more */
		len = put_range(to, files, nfiles);
		if (below(2))
			len += sprintf(to + len, " %u", below(8) ? 1 + below(2) : below(20));
		if (below(4) == 0)
			len += sprintf(to + len, " %u", below(300));
		if (below(8) == 0)
			len += sprintf(to + len, " memmap");
		break;
	default:	/* a number, and now and then more of them */
		n = below(4) ? 1 : below(6);
		while (n--)
			len += sprintf(to + len, "%s", len ? " " : "") +
			       put_number(to + len, number());
	}
	/* Nearly. */
	if (below(8) == 0 && len)
		to[below(len)] = rnd();
	if (below(2))
		to[len++] = '\n';
	if (below(16) == 0)
		to[len++] = below(2) ? '\0' : '\n';
	return len;
}

#endif /* ATTRFUZZ_H */
