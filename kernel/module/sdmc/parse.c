// SPDX-License-Identifier: GPL-2.0
/*
 * What is written to the attributes, as numbers.
 *
 * Stricter than kstrtou64() with base 0, for which 010 is eight: addresses are
 * pasted from tables in which a leading zero is but a zero.
 */
#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/kstrtox.h>

#include "memport.h"
#include "parse.h"

#define SIGN	BIT_ULL(SDM_OFFSET_SIGN_BIT)

/**
 * sdmc_parse_number() - a number of 64 bits
 * @text: decimal, or hexadecimal after 0x; one newline may follow
 * @value: where it goes; untouched on error
 *
 * Return: 0, or -EINVAL: also for what needs more than 64 bits, since -ERANGE
 * is what a memport answers.
 */
int sdmc_parse_number(const char *text, u64 *value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');

	if (hex)
		text += 2;
	/* Neither a sign nor a second 0x. */
	if (!isxdigit(text[0]) || text[1] == 'x' || text[1] == 'X')
		return -EINVAL;
	return kstrtou64(text, hex ? 16 : 10, value) ? -EINVAL : 0;
}

/**
 * sdmc_parse_offset() - what leads from START to the remote address
 * @text: a number; or "-" and a number below 2^63; or the register itself,
 *	whose bit 63 says that the rest is subtracted
 * @offset: the register's value, sign and magnitude; untouched on error
 *
 * Return: 0 or -EINVAL.
 */
int sdmc_parse_offset(const char *text, u64 *offset)
{
	u64 magnitude;

	if (text[0] != '-')
		return sdmc_parse_number(text, offset);
	if (sdmc_parse_number(text + 1, &magnitude) || magnitude & SIGN)
		return -EINVAL;
	*offset = magnitude ? magnitude | SIGN : 0;
	return 0;
}

/**
 * sdmc_parse_id() - the number of a memport or a transceiver
 * @text: as for sdmc_parse_number()
 * @count: how many there are
 * @id: where it goes; untouched on error
 *
 * Return: 0, or -EINVAL: there is none of that number either.
 */
int sdmc_parse_id(const char *text, unsigned int count, unsigned int *id)
{
	u64 value;

	if (sdmc_parse_number(text, &value) || value >= count)
		return -EINVAL;
	*id = value;
	return 0;
}
