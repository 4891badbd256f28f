/* SPDX-License-Identifier: GPL-2.0 */
/* What is written to the attributes, as numbers. No state and no device. */
#ifndef SDMC_PARSE_H
#define SDMC_PARSE_H

#include <linux/types.h>

int sdmc_parse_number(const char *text, u64 *value);
int sdmc_parse_offset(const char *text, u64 *offset);
int sdmc_parse_id(const char *text, unsigned int count, unsigned int *id);

#endif /* SDMC_PARSE_H */
