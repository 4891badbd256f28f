// SPDX-License-Identifier: GPL-2.0
/* What is written to the attributes of sdmc_mem, in numbers. */
#include <kunit/test.h>

#include "../../module/sdmc_mem/parse.c"

#define UNTOUCHED 0x5a5a5a5a5a5a5a5aULL

static void numbers_are_read(struct kunit *test)
{
	static const struct {
		const char *word;
		u64 value;
	} numbers[] = {
		{ "0", 0 },
		{ "00", 0 },
		{ "010", 10 },
		{ "0x0", 0 },
		{ "0XfF", 255 },
		{ "0x00000000000000000000001", 1 },
		{ "9223372036854775808", BIT_ULL(63) },
		{ "18446744073709551615", U64_MAX },
		{ "0xffffffffffffffff", U64_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		u64 value = UNTOUCHED;

		KUNIT_EXPECT_EQ_MSG(test, sdmc_parse_u64(numbers[i].word, &value), 0,
				    "'%s'", numbers[i].word);
		KUNIT_EXPECT_EQ_MSG(test, value, numbers[i].value, "'%s'", numbers[i].word);
	}
}

static void what_is_no_number_is_refused(struct kunit *test)
{
	static const char *const no_numbers[] = {
		"", "x", "0x", "0X", "0x0x1", "0xx", "x1", "ff", "1f", "0x1g", "1k", "1.0", "1e3",
		"-1", "-0", "-0x1", "0x-1", "--1", "+1", "+4096", "+0x1", "0x+1", "+", " 1", "1 ", "0x 1", "1,000", "\xff",
	};
	static const char *const too_large[] = {
		"18446744073709551616", "0x10000000000000000", "0xfffffffffffffffff",
		"99999999999999999999999999999999999",
	};
	u64 value = UNTOUCHED;

	for (size_t i = 0; i < ARRAY_SIZE(no_numbers); i++)
		KUNIT_EXPECT_EQ_MSG(test, sdmc_parse_u64(no_numbers[i], &value), -EINVAL,
				    "'%s'", no_numbers[i]);
	for (size_t i = 0; i < ARRAY_SIZE(too_large); i++)
		KUNIT_EXPECT_EQ_MSG(test, sdmc_parse_u64(too_large[i], &value), -ERANGE,
				    "'%s'", too_large[i]);
	KUNIT_EXPECT_EQ(test, value, UNTOUCHED);
}

/* The parser cuts its text into pieces: a copy of it each time. */
static int parse(const char *text, enum sdmc_form form, struct sdmc_request *req)
{
	const char *why = NULL;
	char copy[128];
	int ret;

	strscpy(copy, text, sizeof(copy));
	ret = sdmc_parse_request(copy, form, req, &why);
	/* A refusal has a reason, and only a refusal. */
	return !ret == !why ? ret : -EDOM;
}

static void commands_are_read(struct kunit *test)
{
	static const struct {
		const char *text;
		enum sdmc_form form;
		struct sdmc_request req;
	} commands[] = {
		{ "1 2", SDMC_FORM_RANGE, { 1, 2, NUMA_NO_NODE } },
		{ "0 0", SDMC_FORM_RANGE, { 0, 0, NUMA_NO_NODE } },
		{ " \t1\n\n 2\t", SDMC_FORM_RANGE, { 1, 2, NUMA_NO_NODE } },
		{ "0xffffffffffffffff 18446744073709551615", SDMC_FORM_RANGE,
		  { U64_MAX, U64_MAX, NUMA_NO_NODE } },
		{ "1 2 0", SDMC_FORM_NODE, { 1, 2, 0 } },
		{ "1 2 3", SDMC_FORM_NODE, { 1, 2, 3 } },
		{ "1 2 3 40", SDMC_FORM_NODE, { 1, 2, 3, 40 } },
		{ "1 2 2147483647 0x7fffffff", SDMC_FORM_NODE, { 1, 2, INT_MAX, INT_MAX } },
		{ "1 2 3", SDMC_FORM_ADD, { 1, 2, 3 } },
		{ "1 2 3 40", SDMC_FORM_ADD, { 1, 2, 3, 40 } },
		{ "1 2 3 memmap", SDMC_FORM_ADD, { 1, 2, 3, 0, true } },
		{ "1 2 3 40 memmap\n", SDMC_FORM_ADD, { 1, 2, 3, 40, true } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct sdmc_request *expected = &commands[i].req;
		const char *text = commands[i].text;
		struct sdmc_request req;

		memset(&req, 0x5a, sizeof(req));
		KUNIT_EXPECT_EQ_MSG(test, parse(text, commands[i].form, &req), 0, "'%s'", text);
		KUNIT_EXPECT_EQ_MSG(test, req.start, expected->start, "'%s'", text);
		KUNIT_EXPECT_EQ_MSG(test, req.size, expected->size, "'%s'", text);
		KUNIT_EXPECT_EQ_MSG(test, req.nid, expected->nid, "'%s'", text);
		KUNIT_EXPECT_EQ_MSG(test, req.distance, expected->distance, "'%s'", text);
		KUNIT_EXPECT_EQ_MSG(test, req.memmap, expected->memmap, "'%s'", text);
	}
}

static void what_is_no_command_is_refused(struct kunit *test)
{
	static const struct {
		const char *text;
		enum sdmc_form form;
	} refused[] = {
		{ "", SDMC_FORM_RANGE },
		{ "\n\t ", SDMC_FORM_RANGE },
		{ "1", SDMC_FORM_RANGE },
		{ "1 2 3", SDMC_FORM_RANGE },
		{ "1 2 memmap", SDMC_FORM_RANGE },
		{ "1 2x", SDMC_FORM_RANGE },
		{ "1,2", SDMC_FORM_RANGE },
		{ "1 -2", SDMC_FORM_RANGE },
		{ "1 +4096", SDMC_FORM_RANGE },
		{ "1 18446744073709551616", SDMC_FORM_RANGE },
		{ "1\v2", SDMC_FORM_RANGE },
		{ "1 2", SDMC_FORM_NODE },
		{ "1 2 3 4 5", SDMC_FORM_NODE },
		{ "1 2 3 memmap", SDMC_FORM_NODE },
		{ "1 2 -1", SDMC_FORM_NODE },
		/* Cut to an int, a node that there may be. */
		{ "1 2 2147483648", SDMC_FORM_NODE },
		{ "1 2 4294967297", SDMC_FORM_NODE },
		{ "1 2 3 4294967336", SDMC_FORM_NODE },
		{ "1 2 3 0xffffffffffffffff", SDMC_FORM_NODE },
		{ "1 2 memmap", SDMC_FORM_ADD },
		{ "memmap 1 2 3", SDMC_FORM_ADD },
		{ "1 2 memmap 3", SDMC_FORM_ADD },
		{ "1 2 3 memmap 40", SDMC_FORM_ADD },
		{ "1 2 3 memmap memmap", SDMC_FORM_ADD },
		{ "1 2 3 40 memmap memmap", SDMC_FORM_ADD },
		{ "1 2 3 40 50 memmap", SDMC_FORM_ADD },
		{ "1 2 3 MEMMAP", SDMC_FORM_ADD },
		{ "1 2 3 memmapx", SDMC_FORM_ADD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct sdmc_request req;

		KUNIT_EXPECT_EQ_MSG(test, parse(refused[i].text, refused[i].form, &req), -EINVAL,
				    "'%s'", refused[i].text);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(numbers_are_read),
	KUNIT_CASE(what_is_no_number_is_refused),
	KUNIT_CASE(commands_are_read),
	KUNIT_CASE(what_is_no_command_is_refused),
	{}
};

static struct kunit_suite suite = {
	.name = "sdmc_mem_parse",
	.test_cases = cases,
};

kunit_test_suite(suite);
