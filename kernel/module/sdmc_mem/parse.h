/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is written to the attributes, in numbers: no locks and no hardware, so
 * that KUnit can compile parse.c alone.
 */
#ifndef SDMC_MEM_PARSE_H
#define SDMC_MEM_PARSE_H

#include <linux/types.h>

/* What a command takes. */
enum sdmc_form {
	SDMC_FORM_RANGE,	/* <start> <size> */
	SDMC_FORM_NODE,		/* <start> <size> <node> [<distance>] */
	SDMC_FORM_ADD,		/* <start> <size> <node> [<distance>] [memmap] */
};

/**
 * struct sdmc_request - what a command was asked for
 * @start: physical address
 * @size: bytes
 * @nid: the node, NUMA_NO_NODE if the form has none
 * @distance: 0 if the writer named none
 * @memmap: the memory map is to come from the range itself
 */
struct sdmc_request {
	u64 start;
	u64 size;
	int nid;
	int distance;
	bool memmap;
};

int sdmc_parse_u64(const char *word, u64 *value);
int sdmc_parse_request(char *text, enum sdmc_form form, struct sdmc_request *req,
		       const char **why);

#endif /* SDMC_MEM_PARSE_H */
