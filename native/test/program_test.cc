// SPDX-License-Identifier: Apache-2.0
//
// Programming a passive block, and reading one.
#include "block_files.h"

using check::Device;
using check::Formatted;
using check::Stage;
using check::Zynq;
using sdm::Error;
using sdm::RegisterBlock;
using sdm::Source;

TEST(ProgramWritesInOrderAndReportsEach) {
  const Source source = Formatted(Zynq());
  Error error;
  auto block = RegisterBlock::Open(source, {}, &error);
  uint64_t staging[4 * sdm::kStagingWords];
  Stage(staging, 3, 0x400000000, 1);
  Stage(staging + 8, 4, 0x400000000, 1);   // overlaps
  Stage(staging + 16, 3, 0x400000000, 0);  // makes room
  Stage(staging + 24, 4, 0x400000000, 1);
  CHECK_EQUAL(block->FirstInvalid(staging, 4), 4u);
  CHECK_EQUAL(block->Program(staging, 4, 100), 1u);
  CHECK_EQUAL(staging[7], uint64_t{SDM_STATUS_ACTIVE});
  CHECK_EQUAL(staging[15], uint64_t{SDM_STATUS_OVERLAP});
  CHECK_EQUAL(staging[23], uint64_t{SDM_STATUS_INACTIVE});
  CHECK_EQUAL(staging[31], uint64_t{SDM_STATUS_ACTIVE});
  // Fields of an active memport stay.
  Stage(staging, 4, 0x410000000, 1);
  CHECK_EQUAL(block->Program(staging, 1, 100), 0u);
  CHECK_EQUAL(block->Read(0x1000 + 4 * 64), uint64_t{0x400000000});
}

TEST(ProgramTouchesNothingForABadEntry) {
  const Source source = Formatted(Zynq());
  Error error;
  auto block = RegisterBlock::Open(source, {}, &error);
  uint64_t staging[2 * sdm::kStagingWords];
  for (const uint64_t port : {uint64_t{32}, uint64_t{1} << 58, UINT64_MAX}) {
    Stage(staging, 0, 0x400000000, 1);
    Stage(staging + 8, port, 0x410000000, 1);
    CHECK_EQUAL(block->FirstInvalid(staging, 2), 1u);
    // Even when it changed after the check.
    CHECK_EQUAL(block->Program(staging + 8, 1, 100), 1u);
    CHECK_EQUAL(staging[15], uint64_t{SDM_STATUS_RANGE});
  }
  for (const uint64_t set : {uint64_t{2}, uint64_t{SDM_STATUS_RANGE}, UINT64_MAX}) {
    Stage(staging, 0, 0x400000000, set);
    CHECK_EQUAL(block->FirstInvalid(staging, 1), 0u);
    CHECK_EQUAL(block->Program(staging, 1, 100), 1u);
    CHECK_EQUAL(staging[7], uint64_t{SDM_STATUS_RANGE});
    CHECK_EQUAL(block->Read(0x1000 + SDM_MEMPORT_SET), uint64_t{0});
  }
}

TEST(SnapshotIsTheBlock) {
  const Source source = Formatted(Zynq());
  Device device(source.path);
  Error error;
  auto block = RegisterBlock::Open(source, {}, &error);
  for (size_t at = 0x58; at < SDM_MEMPORT_BASE + 32 * 64; at += 8) device.Store(at, at * 0x1001);
  CHECK_EQUAL(block->snapshot_words(), size_t{32 + 32 * 8});
  uint64_t words[32 + 32 * 8 + 1];
  words[32 + 32 * 8] = 4711;
  block->Snapshot(words);
  for (size_t i = 0; i < 32; i++) CHECK_EQUAL(words[i], device.Load(i * 8));
  for (size_t i = 0; i < 32 * 8; i++) CHECK_EQUAL(words[32 + i], device.Load(0x1000 + i * 8));
  CHECK_EQUAL(words[32 + 32 * 8], uint64_t{4711});
  block->WriteEpoch(0x123456789abcdef0);
  CHECK_EQUAL(device.Load(SDM_REG_EPOCH), uint64_t{0x123456789abcdef0});
  device.Store(SDM_REG_LINK_RESET, 1);
  block->ResetLink(3);
  CHECK_EQUAL(device.Load(SDM_REG_LINK_RESET), uint64_t{9});
}
