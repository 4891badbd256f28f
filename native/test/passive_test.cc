// SPDX-License-Identifier: Apache-2.0
//
// The device's checks, case by case, from docs/memport-abi.md.
#include "../src/passive.h"

#include <string.h>

#include "../abi/memport.h"
#include "../src/format.h"
#include "check.h"

namespace {

constexpr uint64_t kSign = uint64_t{1} << 63;
constexpr uint64_t kMost = UINT64_MAX;
constexpr uint64_t kGranule = 0x1000;
constexpr uint64_t kBase = 0x100000;
constexpr uint64_t kSize = 0x100000;
constexpr uint64_t kRemote = 0x800000;

// A block in memory; four memports, two transceivers of which the second one is down.
struct Block {
  explicit Block(bool translation, uint64_t base = kBase, uint64_t size = kSize,
                 uint64_t remote = kRemote) {
    sdm_profile_header(translation ? SDM_PROFILE_ZYNQ : SDM_PROFILE_GENERIC, &header);
    header.nports = 4;
    header.window_base = base;
    header.window_size = size;
    header.remote_size = remote;
    header.granule = kGranule;
    header.ntransceivers = 2;
    sdm_format(words, &header);
    words[SDM_REG_LINK_STATUS / 8] = 1;
  }

  uint64_t *Port(uint32_t port) { return words + (SDM_MEMPORT_BASE + port * SDM_MEMPORT_STRIDE) / 8; }

  int Set(uint32_t port, uint64_t start, uint64_t end, uint64_t offset, uint64_t out_id = 0,
          int aligned = 1) {
    uint64_t *const p = Port(port);
    p[SDM_MEMPORT_START / 8] = start;
    p[SDM_MEMPORT_END / 8] = end;
    p[SDM_MEMPORT_OFFSET / 8] = offset;
    p[SDM_MEMPORT_OUT_ID / 8] = out_id;
    p[SDM_MEMPORT_IN_ID / 8] = 77;
    return sdm_passive_set(words, &header, port, 1, aligned);
  }

  alignas(64) uint64_t words[(SDM_MEMPORT_BASE + 4 * SDM_MEMPORT_STRIDE) / 8] = {};
  sdm_header header;
};

struct Case {
  const char *name;
  uint64_t start, end, offset, out_id;
  int status;
};

void RunCases(bool translation, const Case *cases, size_t count, int aligned = 1) {
  for (size_t i = 0; i < count; i++) {
    Block block(translation);
    const Case &c = cases[i];
    const int status = block.Set(2, c.start, c.end, c.offset, c.out_id, aligned);
    if (status != c.status) {
      check::Fail(__FILE__, __LINE__,
                  std::string(c.name) + ": STATUS " + std::to_string(status) + ", expected " +
                      std::to_string(c.status));
    }
    CHECK_EQUAL(block.Port(2)[SDM_MEMPORT_STATUS / 8], static_cast<uint64_t>(c.status));
    CHECK_EQUAL(block.Port(2)[SDM_MEMPORT_SET / 8], uint64_t{c.status == SDM_STATUS_ACTIVE});
    CHECK_EQUAL(block.Port(2)[SDM_MEMPORT_START / 8], c.start);
    CHECK_EQUAL(block.Port(2)[SDM_MEMPORT_IN_ID / 8], uint64_t{77});
  }
}

}  // namespace

TEST(WithTranslation) {
  const uint64_t end = kBase + kGranule - 1;
  const Case cases[] = {
      {"one granule", kBase, end, 0x4000, 0, SDM_STATUS_ACTIVE},
      {"the whole window", kBase, kBase + kSize - 1, 0x100000, 0, SDM_STATUS_ACTIVE},
      {"remote 0", kBase, end, kSign | kBase, 0, SDM_STATUS_ACTIVE},
      {"negative zero", kBase, end, kSign, 0, SDM_STATUS_ACTIVE},
      {"remote up to its end", kBase, end, kRemote - kGranule - kBase, 0, SDM_STATUS_ACTIVE},
      // range
      {"END before START", kBase, kBase - 1, 0, 0, SDM_STATUS_RANGE},
      {"END + 1 wraps", kBase, kMost, 0, 0, SDM_STATUS_RANGE},
      {"the whole space", 0, kMost, 0, 0, SDM_STATUS_RANGE},
      {"remote is negative", kBase, end, kSign | (kBase + 1), 0, SDM_STATUS_RANGE},
      {"remote + size wraps", kSign, kSign + kGranule - 1, kSign - 1, 0, SDM_STATUS_RANGE},
      {"START + magnitude wraps", kMost - 0x1fff, kMost - 0x1000, 0x2000, 0, SDM_STATUS_RANGE},
      {"remote + size is 2^64", kMost - 0x1fff, kMost - 0x1000, 0x1000, 0, SDM_STATUS_RANGE},
      {"range before alignment", kBase + 1, kBase, 3, 0, SDM_STATUS_RANGE},
      // alignment
      {"START", kBase + 8, end, 0, 0, SDM_STATUS_ALIGNMENT},
      {"END", kBase, end - 1, 0, 0, SDM_STATUS_ALIGNMENT},
      {"END is START", kBase, kBase, 0, 0, SDM_STATUS_ALIGNMENT},
      {"remote", kBase, end, 8, 0, SDM_STATUS_ALIGNMENT},
      {"alignment before window", 8, 0x1fff, 0, 0, SDM_STATUS_ALIGNMENT},
      // window
      {"below", kBase - kGranule, end, 0, 0, SDM_STATUS_WINDOW},
      {"above", kBase + kSize, kBase + kSize + kGranule - 1, 0, 0, SDM_STATUS_WINDOW},
      {"across the end", kBase + kSize - kGranule, kBase + kSize + kGranule - 1, 0, 0,
       SDM_STATUS_WINDOW},
      {"window before remote", 0, kGranule - 1, 0x10000000, 0, SDM_STATUS_WINDOW},
      // remote
      {"past REMOTE_SIZE", kBase, end, kRemote - kBase, 0, SDM_STATUS_REMOTE},
      {"across REMOTE_SIZE", kBase, end + kGranule, kRemote - kGranule - kBase, 0,
       SDM_STATUS_REMOTE},
      {"remote before link", kBase, end, kRemote, 1, SDM_STATUS_REMOTE},
      // link: OUT_ID mod 2, the second one is down
      {"odd", kBase, end, 0, 1, SDM_STATUS_LINK},
      {"odd and large", kBase, end, 0, kMost, SDM_STATUS_LINK},
      {"even", kBase, end, 0, kMost - 1, SDM_STATUS_ACTIVE},
  };
  RunCases(true, cases, sizeof(cases) / sizeof(cases[0]));
}

// Everything but the alignment is looked at as before, and in the same order.
TEST(WithTranslationAndNoAlignment) {
  const uint64_t end = kBase + kGranule - 1;
  const Case cases[] = {
      {"START", kBase + 8, end, 0, 0, SDM_STATUS_ACTIVE},
      {"END", kBase, end - 1, 0, 0, SDM_STATUS_ACTIVE},
      {"one byte", kBase, kBase, 0, 0, SDM_STATUS_ACTIVE},
      {"remote", kBase, end, 8, 0, SDM_STATUS_ACTIVE},
      {"remote up to its end", kBase + 1, kBase + 1, kRemote - kBase - 2, 0, SDM_STATUS_ACTIVE},
      {"range before window", 1, 0, 3, 0, SDM_STATUS_RANGE},
      {"the whole space", 0, kMost, 0, 0, SDM_STATUS_RANGE},
      {"one byte below", kBase - 1, end, 0, 0, SDM_STATUS_WINDOW},
      {"one byte above", kBase, kBase + kSize, 0, 0, SDM_STATUS_WINDOW},
      {"window before remote", 8, 15, kRemote, 0, SDM_STATUS_WINDOW},
      {"one byte past REMOTE_SIZE", kBase + 1, kBase + 2, kRemote - kBase - 2, 0,
       SDM_STATUS_REMOTE},
      {"remote before link", kBase + 1, end, kRemote, 1, SDM_STATUS_REMOTE},
      {"link", kBase + 1, end, 3, 1, SDM_STATUS_LINK},
  };
  RunCases(true, cases, sizeof(cases) / sizeof(cases[0]), 0);
}

TEST(WithoutTranslationAndNoAlignment) {
  const uint64_t identity = kSign | kBase;
  const Case cases[] = {
      {"identity", kBase + kGranule + 8, kBase + kGranule + 15, identity, 0, SDM_STATUS_ACTIVE},
      {"the header's last byte", kBase + kGranule - 1, kBase + kGranule, identity, 0,
       SDM_STATUS_REMOTE},
      {"one byte beside", kBase + kGranule + 8, kBase + kGranule + 15, kSign | (kBase - 1), 0,
       SDM_STATUS_REMOTE},
  };
  RunCases(false, cases, sizeof(cases) / sizeof(cases[0]), 0);
}

TEST(OverlapOfSingleBytes) {
  Block block(true);
  CHECK_EQUAL(block.Set(0, kBase + 10, kBase + 19, 0, 0, 0), SDM_STATUS_ACTIVE);
  CHECK_EQUAL(block.Set(1, kBase + 20, kBase + 20, 0, 0, 0), SDM_STATUS_ACTIVE);  // they touch
  CHECK_EQUAL(block.Set(2, kBase + 19, kBase + 19, 0, 0, 0), SDM_STATUS_OVERLAP);
  CHECK_EQUAL(block.Set(2, kBase + 9, kBase + 10, 0, 0, 0), SDM_STATUS_OVERLAP);
}

TEST(WithoutTranslation) {
  const uint64_t identity = kSign | kBase;
  const uint64_t second = kBase + kGranule;
  const Case cases[] = {
      {"identity", second, second + kGranule - 1, identity, 0, SDM_STATUS_ACTIVE},
      {"all but the header", second, kBase + kSize - 1, identity, 0, SDM_STATUS_ACTIVE},
      {"the header", kBase, kBase + kGranule - 1, identity, 0, SDM_STATUS_REMOTE},
      {"the header and more", kBase, kBase + kSize - 1, identity, 0, SDM_STATUS_REMOTE},
      {"another remote", second, second + kGranule - 1, kSign | (kBase - kGranule), 0,
       SDM_STATUS_REMOTE},
      {"added", second, second + kGranule - 1, 0, 0, SDM_STATUS_REMOTE},
  };
  RunCases(false, cases, sizeof(cases) / sizeof(cases[0]));
}

TEST(OverlapLooksAtActivePortsOnly) {
  Block block(true);
  CHECK_EQUAL(block.Set(0, kBase + 0x2000, kBase + 0x4fff, 0), SDM_STATUS_ACTIVE);
  CHECK_EQUAL(block.Set(1, kBase, kBase + 0x1fff, 0), SDM_STATUS_ACTIVE);  // they touch
  CHECK_EQUAL(block.Set(2, kBase + 0x5000, kBase + 0x5fff, 0), SDM_STATUS_ACTIVE);
  CHECK_EQUAL(block.Set(3, kBase + 0x4000, kBase + 0x4fff, 0x10000), SDM_STATUS_OVERLAP);
  CHECK_EQUAL(block.Set(3, kBase + 0x1000, kBase + 0x2fff, 0x10000), SDM_STATUS_OVERLAP);
  CHECK_EQUAL(block.Set(3, kBase, kBase + 0xffff, 0x10000), SDM_STATUS_OVERLAP);
  // Overlap comes before the link, which is down.
  CHECK_EQUAL(block.Set(3, kBase, kBase + 0xffff, 0x10000, 1), SDM_STATUS_OVERLAP);
  CHECK_EQUAL(sdm_passive_set(block.words, &block.header, 0, 0, 1), SDM_STATUS_INACTIVE);
  // Port 0 keeps its fields, and they no longer matter.
  CHECK_EQUAL(block.Port(0)[SDM_MEMPORT_START / 8], kBase + 0x2000);
  CHECK_EQUAL(block.Set(3, kBase + 0x2000, kBase + 0x4fff, 0), SDM_STATUS_ACTIVE);
  // Remote ranges may overlap.
  CHECK_EQUAL(block.Set(0, kBase + 0x6000, kBase + 0x6fff, kSign | 0x6000), SDM_STATUS_ACTIVE);
}

TEST(SetOnAnActivePortChangesNothing) {
  Block block(true);
  CHECK_EQUAL(block.Set(1, kBase, kBase + 0xfff, 0), SDM_STATUS_ACTIVE);
  CHECK_EQUAL(block.Set(1, kMost, 0, kMost, 1), SDM_STATUS_ACTIVE);  // fields nobody looks at
  CHECK_EQUAL(block.Port(1)[SDM_MEMPORT_SET / 8], uint64_t{1});
  CHECK_EQUAL(block.Port(1)[SDM_MEMPORT_STATUS / 8], uint64_t{SDM_STATUS_ACTIVE});
}

TEST(ClearEndsARefusal) {
  Block block(true);
  CHECK_EQUAL(block.Set(1, kBase, kBase, 0), SDM_STATUS_ALIGNMENT);
  block.Port(1)[SDM_MEMPORT_FAULTS / 8] = 5;
  CHECK_EQUAL(sdm_passive_set(block.words, &block.header, 1, 0, 1), SDM_STATUS_INACTIVE);
  CHECK_EQUAL(block.Port(1)[SDM_MEMPORT_STATUS / 8], uint64_t{0});
  CHECK_EQUAL(block.Port(1)[SDM_MEMPORT_FAULTS / 8], uint64_t{5});
}

TEST(LinksMatterOnlyWhereThereAreTransceivers) {
  Block none(true);
  none.header.ntransceivers = 0;
  CHECK_EQUAL(none.Set(0, kBase, kBase + 0xfff, 0, 1), SDM_STATUS_ACTIVE);
  Block without(true);
  without.header.features &= ~(uint64_t{1} << SDM_FEATURE_TRANSCEIVERS);
  CHECK_EQUAL(without.Set(0, kBase, kBase + 0xfff, 0, 1), SDM_STATUS_ACTIVE);
}

TEST(AWindowUpToTheEndOfTheSpace) {
  Block block(true, kMost - 0xffff, 0x10000, kMost);
  CHECK_EQUAL(block.Set(0, kMost - 0xffff, kMost - 0x1000, kSign | 0x7fffffffffff0000), 1);
  CHECK_EQUAL(block.Set(1, kMost - 0xfff, kMost, 0), SDM_STATUS_RANGE);
}
