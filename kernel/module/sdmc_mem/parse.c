// SPDX-License-Identifier: GPL-2.0
/*
 * What is written to the attributes, in numbers.
 */
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/numa.h>
#include <linux/string.h>

#include "parse.h"

static const char * const expected[] = {
	[SDMC_FORM_RANGE] = "expected \"<start> <size>\", decimal or 0x",
	[SDMC_FORM_NODE] = "expected \"<start> <size> <node> [<distance>]\", decimal or 0x",
	[SDMC_FORM_ADD] =
		"expected \"<start> <size> <node> [<distance>] [memmap]\", decimal or 0x",
};

/* Takes the next word off *text; NULL when there is none left. */
static char *next_word(char **text)
{
	char *word;

	do {
		word = strsep(text, " \t\n");
	} while (word && !*word);
	return word;
}

/**
 * sdmc_parse_u64() - read a number
 * @word: decimal, or hexadecimal after 0x; a leading 0 does not mean octal
 * @value: set to the number
 *
 * Return: 0, -EINVAL (not a number), -ERANGE (more than 64 bits)
 */
int sdmc_parse_u64(const char *word, u64 *value)
{
	bool hex = !strncasecmp(word, "0x", 2);

	/* The kernel's own would take a plus. */
	if (!isdigit(*word))
		return -EINVAL;
	return kstrtou64(word, hex ? 16 : 10, value);
}

/**
 * sdmc_parse_request() - read what a command is asked for
 * @text: words between blanks; is cut into pieces
 * @form: which words the command takes
 * @req: set to what was read; on failure to nothing of use
 * @why: on failure set to the reason, a sentence that need not be freed
 *
 * Return: 0 or -EINVAL
 */
int sdmc_parse_request(char *text, enum sdmc_form form, struct sdmc_request *req,
		       const char **why)
{
	int least = form == SDMC_FORM_RANGE ? 2 : 3;
	int most = form == SDMC_FORM_RANGE ? 2 : 4;
	u64 values[4] = { };
	bool memmap = false;
	char *word;
	int n = 0;

	while ((word = next_word(&text))) {
		if (form == SDMC_FORM_ADD && n >= least && !memmap && !strcmp(word, "memmap")) {
			/* The last word: no number may follow. */
			memmap = true;
			most = n;
			continue;
		}
		if (n == most || sdmc_parse_u64(word, &values[n]))
			break;
		n++;
	}
	if (word || n < least) {
		*why = expected[form];
		return -EINVAL;
	}
	if (values[2] > INT_MAX || values[3] > INT_MAX) {
		*why = "node or distance is out of range";
		return -EINVAL;
	}

	*req = (struct sdmc_request){
		.start = values[0],
		.size = values[1],
		.nid = form == SDMC_FORM_RANGE ? NUMA_NO_NODE : (int)values[2],
		.distance = values[3],
		.memmap = memmap,
	};
	return 0;
}
