// SPDX-License-Identifier: GPL-2.0
/* What is written to the attributes of sdmc, as numbers. */
#include <kunit/test.h>

#include "../../module/sdmc/parse.c"

/* In a result: no call may leave this behind, and no refusal may change it. */
#define UNTOUCHED 0x5a5a5a5a5a5a5a5aULL

struct good {
	const char *text;
	u64 value;
};

static const struct good numbers[] = {
	{ "0", 0 },
	{ "0\n", 0 },
	{ "00", 0 },
	{ "7", 7 },
	{ "010", 10 },
	{ "0000000000000000000000000000000000000001", 1 },
	{ "9223372036854775807", S64_MAX },
	{ "9223372036854775808", BIT_ULL(63) },
	{ "18446744073709551615", U64_MAX },
	{ "18446744073709551615\n", U64_MAX },
	{ "0x0", 0 },
	{ "0xa", 10 },
	{ "0XA", 10 },
	{ "0xAbCdEf", 0xabcdef },
	{ "0x0000000000000000000001", 1 },
	{ "0x8000000000000000", BIT_ULL(63) },
	{ "0xffffffffffffffff\n", U64_MAX },
};

/* No number of 64 bits, whatever reads it. */
static const char *const no_numbers[] = {
	"", "\n", " ", "x", "0x", "0x\n", "0X", "0xx1", "0x0x1", "00x1", "x10", "h",
	" 1", "\t1", "\n1", "1 ", "1\t", "1\n\n", "1\n2", "1 2", "1,000", "1k", "1.0", "1e3",
	"0x 1", "0x1 ", "0x1g", "0x+1", "0x-1", "0 x1", "a", "ff", "12a",
	"+1", "+0x1", "++1", "--1", "- 1", "-", "-\n", "+", "-x", "-0x", "-+1", "+-1",
	"18446744073709551616", "18446744073709551615 ", "28446744073709551615",
	"99999999999999999999999999999999999999999", "0x10000000000000000",
	"0x1ffffffffffffffff", "\xff", "\x80\x80", "0x\xc3\xa9",
};

static void numbers_are_read(struct kunit *test)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		u64 value = UNTOUCHED;

		KUNIT_EXPECT_EQ_MSG(test, sdmc_parse_number(numbers[i].text, &value), 0,
				    "'%s'", numbers[i].text);
		KUNIT_EXPECT_EQ_MSG(test, value, numbers[i].value, "'%s'", numbers[i].text);
	}
}

static void what_is_no_number_is_refused(struct kunit *test)
{
	for (size_t i = 0; i < ARRAY_SIZE(no_numbers); i++) {
		u64 value = UNTOUCHED;

		KUNIT_EXPECT_EQ_MSG(test, sdmc_parse_number(no_numbers[i], &value), -EINVAL,
				    "'%s'", no_numbers[i]);
		KUNIT_EXPECT_EQ_MSG(test, value, UNTOUCHED, "'%s'", no_numbers[i]);
	}
}

static void numbers_have_no_sign(struct kunit *test)
{
	static const char *const negative[] = { "-1", "-0", "-0x1", "-18446744073709551615" };

	for (size_t i = 0; i < ARRAY_SIZE(negative); i++) {
		u64 value = UNTOUCHED;

		KUNIT_EXPECT_EQ_MSG(test, sdmc_parse_number(negative[i], &value), -EINVAL,
				    "'%s'", negative[i]);
		KUNIT_EXPECT_EQ(test, value, UNTOUCHED);
	}
}

static void offsets_are_sign_and_magnitude(struct kunit *test)
{
	static const struct good offsets[] = {
		{ "0x400000000", 0x400000000 },
		{ "-1", BIT_ULL(63) | 1 },
		{ "-0x1\n", BIT_ULL(63) | 1 },
		{ "-0x400000000", BIT_ULL(63) | 0x400000000 },
		{ "-9223372036854775807", U64_MAX },
		{ "-0x7fffffffffffffff", U64_MAX },
		/* The register itself. */
		{ "0x8000000000000001", BIT_ULL(63) | 1 },
		{ "0xffffffffffffffff", U64_MAX },
		/* Nothing is subtracted: no sign without a magnitude. */
		{ "-0", 0 },
		{ "-0x0", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		u64 value = UNTOUCHED;

		KUNIT_EXPECT_EQ_MSG(test, sdmc_parse_offset(offsets[i].text, &value), 0,
				    "'%s'", offsets[i].text);
		KUNIT_EXPECT_EQ_MSG(test, value, offsets[i].value, "'%s'", offsets[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		u64 value = UNTOUCHED;

		KUNIT_EXPECT_EQ_MSG(test, sdmc_parse_offset(numbers[i].text, &value), 0,
				    "'%s'", numbers[i].text);
		KUNIT_EXPECT_EQ_MSG(test, value, numbers[i].value, "'%s'", numbers[i].text);
	}
}

static void what_is_no_offset_is_refused(struct kunit *test)
{
	/* A magnitude has 63 bits. */
	static const char *const beyond[] = {
		"-9223372036854775808", "-0x8000000000000000", "-0xffffffffffffffff",
		"-18446744073709551615", "-18446744073709551616", "-0x10000000000000000",
	};
	u64 value = UNTOUCHED;

	for (size_t i = 0; i < ARRAY_SIZE(no_numbers); i++)
		KUNIT_EXPECT_EQ_MSG(test, sdmc_parse_offset(no_numbers[i], &value), -EINVAL,
				    "'%s'", no_numbers[i]);
	for (size_t i = 0; i < ARRAY_SIZE(beyond); i++)
		KUNIT_EXPECT_EQ_MSG(test, sdmc_parse_offset(beyond[i], &value), -EINVAL,
				    "'%s'", beyond[i]);
	KUNIT_EXPECT_EQ(test, value, UNTOUCHED);
}

static void ids_are_below_the_count(struct kunit *test)
{
	unsigned int id = 77;

	KUNIT_EXPECT_EQ(test, sdmc_parse_id("0\n", 1, &id), 0);
	KUNIT_EXPECT_EQ(test, id, 0);
	KUNIT_EXPECT_EQ(test, sdmc_parse_id("31", 32, &id), 0);
	KUNIT_EXPECT_EQ(test, id, 31);
	KUNIT_EXPECT_EQ(test, sdmc_parse_id("0x1f", 32, &id), 0);
	KUNIT_EXPECT_EQ(test, id, 31);

	id = 77;
	KUNIT_EXPECT_EQ(test, sdmc_parse_id("0", 0, &id), -EINVAL);
	KUNIT_EXPECT_EQ(test, sdmc_parse_id("32", 32, &id), -EINVAL);
	KUNIT_EXPECT_EQ(test, sdmc_parse_id("-1", 32, &id), -EINVAL);
	KUNIT_EXPECT_EQ(test, sdmc_parse_id("-0", 32, &id), -EINVAL);
	KUNIT_EXPECT_EQ(test, sdmc_parse_id("", 32, &id), -EINVAL);
	/* Cut to 32 bits these would be ids. */
	KUNIT_EXPECT_EQ(test, sdmc_parse_id("0x100000000", 32, &id), -EINVAL);
	KUNIT_EXPECT_EQ(test, sdmc_parse_id("4294967297", 32, &id), -EINVAL);
	KUNIT_EXPECT_EQ(test, sdmc_parse_id("0x8000000000000001", 32, &id), -EINVAL);
	KUNIT_EXPECT_EQ(test, id, 77);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(numbers_are_read),
	KUNIT_CASE(what_is_no_number_is_refused),
	KUNIT_CASE(numbers_have_no_sign),
	KUNIT_CASE(offsets_are_sign_and_magnitude),
	KUNIT_CASE(what_is_no_offset_is_refused),
	KUNIT_CASE(ids_are_below_the_count),
	{}
};

static struct kunit_suite suite = {
	.name = "sdmc_parse",
	.test_cases = cases,
};

kunit_test_suite(suite);
