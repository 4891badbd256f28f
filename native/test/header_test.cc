// SPDX-License-Identifier: Apache-2.0
#include "../src/header.h"

#include "../abi/memport.h"
#include "../src/format.h"
#include "check.h"

namespace {

sdm_header Good() {
  sdm_header header;
  sdm_profile_header(SDM_PROFILE_ZYNQ, &header);
  return header;
}

// xorshift64*: the same numbers every time.
uint64_t Random(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 0x2545F4914F6CDD1D;
}

}  // namespace

TEST(EachProblemIsFound) {
  struct {
    uint64_t sdm_header::*field;
    uint64_t value;
    sdm_header_problem problem;
  } const cases[] = {
      {&sdm_header::nports, 32, SDM_HEADER_OK},
      {&sdm_header::nports, 512, SDM_HEADER_OK},
      {&sdm_header::granule, 1, SDM_HEADER_OK},
      {&sdm_header::granule, uint64_t{1} << 63, SDM_HEADER_OK},
      {&sdm_header::ntransceivers, 0, SDM_HEADER_OK},
      {&sdm_header::ntransceivers, 16, SDM_HEADER_OK},
      {&sdm_header::window_size, UINT64_MAX - 0x400000000 + 1, SDM_HEADER_OK},
      {&sdm_header::features, UINT64_MAX, SDM_HEADER_OK},
      {&sdm_header::id, 0, SDM_HEADER_UNFORMATTED},
      {&sdm_header::id, SDM_ID_MAGIC + 1, SDM_HEADER_FOREIGN},
      {&sdm_header::id, UINT64_MAX, SDM_HEADER_FOREIGN},
      {&sdm_header::id, SDM_ID_MAGIC, SDM_HEADER_VERSION},
      {&sdm_header::id, SDM_ID_MAGIC | uint64_t{2} << 32, SDM_HEADER_VERSION},
      {&sdm_header::nports, 0, SDM_HEADER_NPORTS},
      {&sdm_header::nports, 513, SDM_HEADER_NPORTS},
      {&sdm_header::nports, UINT64_MAX, SDM_HEADER_NPORTS},
      {&sdm_header::ntransceivers, 17, SDM_HEADER_NTRANSCEIVERS},
      {&sdm_header::granule, 0, SDM_HEADER_GRANULE},
      {&sdm_header::granule, 3, SDM_HEADER_GRANULE},
      {&sdm_header::granule, UINT64_MAX, SDM_HEADER_GRANULE},
      {&sdm_header::window_size, 0, SDM_HEADER_WINDOW},
      {&sdm_header::window_size, UINT64_MAX, SDM_HEADER_WINDOW},
      {&sdm_header::window_base, UINT64_MAX, SDM_HEADER_WINDOW},
      {&sdm_header::remote_size, 0, SDM_HEADER_REMOTE},
  };
  for (const auto &c : cases) {
    sdm_header header = Good();
    header.*c.field = c.value;
    CHECK_EQUAL(int{sdm_header_check(&header, SDM_BLOCK_MAX)}, int{c.problem});
  }
}

TEST(MemportsFitTheBlock) {
  sdm_header header = Good();
  CHECK_EQUAL(int{sdm_header_check(&header, 0x1000 + 32 * 0x40)}, int{SDM_HEADER_OK});
  CHECK_EQUAL(int{sdm_header_check(&header, 0x1000 + 32 * 0x40 - 8)},
              int{SDM_HEADER_NPORTS_LENGTH});
}

TEST(WhatPassesNeverLeadsOutOfTheBlock) {
  uint64_t state = 42;
  int passed = 0;
  for (int i = 0; i < 200000; i++) {
    sdm_header header = Good();
    uint64_t *const fields = reinterpret_cast<uint64_t *>(&header);
    // A few fields at random, of random magnitude, so that some headers do pass.
    for (uint64_t n = Random(&state) % 4; n > 0; n--) {
      fields[Random(&state) % (sizeof(header) / 8)] = Random(&state) >> Random(&state) % 64;
    }
    const uint64_t length = Random(&state) % (SDM_BLOCK_MAX + 1);
    if (sdm_header_check(&header, length) != SDM_HEADER_OK) continue;
    passed++;
    CHECK(SDM_MEMPORT_BASE + header.nports * SDM_MEMPORT_STRIDE <= length);
    CHECK(header.ntransceivers <= 16);
    CHECK(header.window_base + (header.window_size - 1) >= header.window_base);
  }
  CHECK(passed > 1000);
}

TEST(FormatWritesWhatReadReads) {
  alignas(64) static uint64_t words[SDM_BLOCK_MAX / 8];
  for (uint64_t &word : words) word = UINT64_MAX;
  sdm_header header = Good();
  sdm_header read;
  sdm_format(words, &header);
  sdm_header_read(words, &read);
  CHECK_EQUAL(int{sdm_header_check(&read, SDM_BLOCK_MAX)}, int{SDM_HEADER_OK});
  CHECK_EQUAL(read.window_base, header.window_base);
  CHECK_EQUAL(read.remote_size, header.remote_size);
  CHECK_EQUAL(words[SDM_REG_LINK_STATUS / 8], uint64_t{0xf});
  CHECK_EQUAL(words[SDM_REG_EPOCH / 8], uint64_t{0});
  for (size_t i = SDM_REG_LINK_DOWNS / 8; i < (SDM_MEMPORT_BASE + 32 * 64) / 8; i++) {
    CHECK_EQUAL(words[i], uint64_t{0});
  }
  // Not a word past the last memport.
  CHECK_EQUAL(words[(SDM_MEMPORT_BASE + 32 * 64) / 8], UINT64_MAX);
}
