// SPDX-License-Identifier: Apache-2.0
//
// Programming a block that has logic behind it: here a thread, and a clock that is watched.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <functional>

#include "block_files.h"

using check::Device;
using check::Formatted;
using check::Stage;
using check::Zynq;
using sdm::Error;
using sdm::RegisterBlock;
using sdm::Source;

// Runs whenever this thread asks what time it is: what happens while it is descheduled there.
static thread_local std::function<void()> at_clock;

extern "C" int clock_gettime(clockid_t clock, struct timespec *now) noexcept {
  if (at_clock) at_clock();
  return static_cast<int>(syscall(SYS_clock_gettime, clock, now));
}

TEST(LogicAnswersLater) {
  sdm::FormatRequest request = Zynq();
  request.header.features = 1 << SDM_FEATURE_TRANSLATION;
  for (const uint64_t answer : {SDM_STATUS_ACTIVE, SDM_STATUS_RESOURCES, 200}) {
    request.force = true;
    const Source source = Formatted(request);
    Error error;
    auto block = RegisterBlock::Open(source, {}, &error);
    Device device(source.path);
    device.Answer(answer, 50);
    uint64_t staging[sdm::kStagingWords];
    Stage(staging, 0, 0x400000000, 1);
    CHECK_EQUAL(block->Program(staging, 1, 30000), uint32_t{answer != SDM_STATUS_ACTIVE});
    CHECK_EQUAL(staging[7], answer);
    CHECK_EQUAL(device.Load(Device::Port(0, SDM_MEMPORT_START)), uint64_t{0x400000000});
  }
}

TEST(LogicThatHangsCostsNoMoreThanTheDeadline) {
  sdm::FormatRequest request = Zynq();
  request.header.features = 0;
  const Source source = Formatted(request);
  Error error;
  auto block = RegisterBlock::Open(source, {}, &error);
  Device device(source.path);
  uint64_t staging[2 * sdm::kStagingWords];
  Stage(staging, 0, 0x400000000, 1);
  Stage(staging + 8, 1, 0x410000000, 1);
  device.Store(Device::Port(1, SDM_MEMPORT_STATUS), SDM_STATUS_BUSY);
  CHECK_EQUAL(block->Program(staging, 2, 5), 2u);
  CHECK_EQUAL(staging[7], uint64_t{SDM_STATUS_BUSY});
  CHECK_EQUAL(staging[15], uint64_t{SDM_STATUS_BUSY});
  // The second one was busy all along: a write to its SET would have been lost.
  CHECK_EQUAL(device.Load(Device::Port(0, SDM_MEMPORT_SET)), uint64_t{1});
  CHECK_EQUAL(device.Load(Device::Port(1, SDM_MEMPORT_SET)), uint64_t{0});
  // It recovers.
  device.Store(Device::Port(0, SDM_MEMPORT_STATUS), SDM_STATUS_ACTIVE);
  device.Store(Device::Port(1, SDM_MEMPORT_STATUS), SDM_STATUS_ACTIVE);
  CHECK_EQUAL(block->Program(staging, 2, 5), 0u);
}

TEST(AnAnswerDuringTheLastLookAtTheClockCounts) {
  sdm::FormatRequest request = Zynq();
  request.header.features = 0;
  const Source source = Formatted(request);
  Error error;
  auto block = RegisterBlock::Open(source, {}, &error);
  Device device(source.path);
  const size_t status = Device::Port(0, SDM_MEMPORT_STATUS);
  uint64_t staging[sdm::kStagingWords];
  Stage(staging, 0, 0x400000000, 1);
  at_clock = [&device, status] { device.Store(status, SDM_STATUS_ACTIVE); };
  CHECK_EQUAL(block->Program(staging, 1, 0), 0u);
  CHECK_EQUAL(staging[7], uint64_t{SDM_STATUS_ACTIVE});
  // The same for one that is busy from before: its SET is written.
  device.Store(Device::Port(0, SDM_MEMPORT_SET), 0);
  device.Store(status, SDM_STATUS_BUSY);
  block = nullptr;
  block = RegisterBlock::Open(source, {}, &error);
  CHECK_EQUAL(block->Program(staging, 1, 0), 0u);
  CHECK_EQUAL(device.Load(Device::Port(0, SDM_MEMPORT_SET)), uint64_t{1});
  at_clock = nullptr;
}
