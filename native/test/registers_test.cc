// SPDX-License-Identifier: Apache-2.0
#include "../src/registers.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <functional>

#include "../abi/memport.h"
#include "../src/mmio.h"
#include "../src/thread.h"
#include "check.h"

using sdm::Error;
using sdm::RegisterBlock;
using sdm::Source;

namespace {

// Runs whenever this thread asks what time it is: what happens while it is descheduled there.
thread_local std::function<void()> at_clock;

// Whether files are said to lie in sysfs, where no test can make one.
bool in_sysfs = false;

}  // namespace

extern "C" int fstatfs(int fd, struct statfs *status) noexcept {
  const int result = static_cast<int>(syscall(SYS_fstatfs, fd, status));
  if (in_sysfs) status->f_type = SYSFS_MAGIC;
  return result;
}

extern "C" int clock_gettime(clockid_t clock, struct timespec *now) noexcept {
  if (at_clock) at_clock();
  return static_cast<int>(syscall(SYS_clock_gettime, clock, now));
}

namespace {

Source FileSource(const std::string &path) {
  Source source;
  source.path = path;
  return source;
}

sdm::FormatRequest Zynq() {
  sdm::FormatRequest request;
  sdm_profile_header(SDM_PROFILE_ZYNQ, &request.header);
  return request;
}

Source Formatted(const sdm::FormatRequest &request) {
  const Source source = FileSource(check::MakeFile("registers", SDM_BLOCK_MAX));
  Error error;
  sdm_header header;
  if (!FormatBlock(source, request, &header, &error)) {
    check::Fail(__FILE__, __LINE__, error.message);
  }
  return source;
}

// The other side of a block: what a device with logic does.
class Device {
 public:
  explicit Device(const std::string &path) {
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    base_ = static_cast<uint8_t *>(
        mmap(nullptr, SDM_BLOCK_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    close(fd);
  }
  ~Device() {
    Stop();
    munmap(base_, SDM_BLOCK_MAX);
  }
  uint64_t Load(size_t offset) const { return sdm_load64(base_ + offset); }
  void Store(size_t offset, uint64_t value) { sdm_store64(base_ + offset, value); }
  static size_t Port(uint32_t port, size_t reg) {
    return SDM_MEMPORT_BASE + port * SDM_MEMPORT_STRIDE + reg;
  }

  // Answers a write to SET of memport 0 after `busy` looks at it.
  void Answer(uint64_t status, int busy) {
    Store(Port(0, SDM_MEMPORT_STATUS), SDM_STATUS_BUSY);
    sdm::StartThread(&thread_, [this, status, busy] {
      int seen = 0;
      while (!stop_.load()) {
        sched_yield();
        if (Load(Port(0, SDM_MEMPORT_SET)) == 1 && ++seen > busy) {
          Store(Port(0, SDM_MEMPORT_STATUS), status);
          return;
        }
        // Busy from before is over.
        if (seen == 0) Store(Port(0, SDM_MEMPORT_STATUS), 0);
      }
    });
    running_ = true;
  }
  void Stop() {
    stop_.store(true);
    if (running_) pthread_join(thread_, nullptr);
    running_ = false;
  }

 private:
  uint8_t *base_;
  pthread_t thread_;
  bool running_ = false;
  std::atomic<bool> stop_{false};
};

void Stage(uint64_t *entry, uint64_t port, uint64_t start, uint64_t set) {
  const uint64_t words[] = {port, start, start + 0xfffffff, 0x400000000, port, port, set, 99};
  for (size_t i = 0; i < sdm::kStagingWords; i++) entry[i] = words[i];
}

}  // namespace

TEST(OpenRefusesWhatIsNotABlock) {
  Error error;
  const RegisterBlock::Options options;
  CHECK_CODE(RegisterBlock::Open(FileSource(check::Scratch() + "/none"), options, &error), error,
             SDM_NOT_FOUND);
  CHECK_CODE(RegisterBlock::Open(FileSource(check::Scratch()), options, &error), error, SDM_SYSTEM);
  CHECK_CODE(RegisterBlock::Open(FileSource(check::WriteFile("empty", "")), options, &error), error,
             SDM_BLOCK_SIZE);
  CHECK_CODE(RegisterBlock::Open(FileSource(check::MakeFile("short", 0x103f)), options, &error),
             error, SDM_BLOCK_SIZE);
  CHECK_CODE(RegisterBlock::Open(FileSource("/dev/null"), options, &error), error, SDM_INPUT);
  const std::string fifo = check::Scratch() + "/fifo";
  CHECK(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK_CODE(RegisterBlock::Open(FileSource(fifo), options, &error), error, SDM_INPUT);
  const Source zero = FileSource(check::MakeFile("zero", SDM_BLOCK_MAX));
  CHECK_CODE(RegisterBlock::Open(zero, options, &error), error, SDM_BLOCK_UNFORMATTED);
  CHECK(error.message.find("sdm-agent registers format " + zero.path) != std::string::npos);
}

TEST(OneOwnerAndManyReaders) {
  const Source source = Formatted(Zynq());
  Error error;
  auto owner = RegisterBlock::Open(source, {}, &error);
  CHECK(owner != nullptr);
  CHECK_CODE(RegisterBlock::Open(source, {}, &error), error, SDM_BLOCK_LOCKED);
  CHECK(error.message.find("process " + std::to_string(getpid())) != std::string::npos);
  sdm_header header;
  CHECK_CODE(FormatBlock(source, Zynq(), &header, &error), error, SDM_BLOCK_LOCKED);
  RegisterBlock::Options reading;
  reading.writable = false;
  CHECK(RegisterBlock::Open(source, reading, &error) != nullptr);
  owner.reset();
  CHECK(RegisterBlock::Open(source, {}, &error) != nullptr);
}

TEST(FormatKeepsWhatIsThere) {
  sdm::FormatRequest request = Zynq();
  const Source source = Formatted(request);
  Error error;
  sdm_header header;
  CHECK_CODE(FormatBlock(source, request, &header, &error), error, SDM_BLOCK_FORMATTED);
  request.force = true;
  CHECK(FormatBlock(source, request, &header, &error));
  const Source foreign = FileSource(check::WriteFile("foreign", std::string(SDM_BLOCK_MAX, 'x')));
  request.force = false;
  CHECK_CODE(FormatBlock(foreign, request, &header, &error), error, SDM_BLOCK_FOREIGN);
  request.header.nports = 512;
  CHECK_CODE(FormatBlock(FileSource(check::MakeFile("short", 0x2000)), request, &header, &error),
             error, SDM_BLOCK_SIZE);
  request.header.granule = 3;
  CHECK_CODE(FormatBlock(FileSource(check::MakeFile("new", 0x10000)), request, &header, &error),
             error, SDM_INPUT);
}

TEST(FormatLeavesLogicAloneHoweverItIsNamed) {
  sdm::FormatRequest request = Zynq();
  request.header.features = 1 << SDM_FEATURE_TRANSLATION;
  const Source source = Formatted(request);
  request.force = true;
  Error error;
  sdm_header header;
  in_sysfs = true;
  CHECK_CODE(FormatBlock(source, request, &header, &error), error, SDM_BLOCK_FORMATTED);
  CHECK(error.message.find("logic") != std::string::npos);
  in_sysfs = false;
  CHECK(FormatBlock(source, request, &header, &error));  // a file has no logic, whatever it says
  in_sysfs = true;
  CHECK(FormatBlock(Formatted(Zynq()), request, &header, &error));
  in_sysfs = false;
}

TEST(WindowBaseIsPutIn) {
  sdm::FormatRequest request;
  sdm_profile_header(SDM_PROFILE_GENERIC, &request.header);
  request.header.window_size = request.header.remote_size = 0x10000000;
  const Source source = Formatted(request);
  Error error;
  RegisterBlock::Options options;
  options.has_window_base = true;
  options.window_base = 0x8000000000;
  CHECK_EQUAL(RegisterBlock::Open(source, options, &error)->header().window_base, 0x8000000000u);
  options.window_base = UINT64_MAX;  // the window would leave the space
  CHECK_CODE(RegisterBlock::Open(source, options, &error), error, SDM_BLOCK_INVALID);
}

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
  Stage(staging, 0, 0x400000000, 2);
  CHECK_EQUAL(block->FirstInvalid(staging, 1), 0u);
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

TEST(GarbageNeverCrashes) {
  uint64_t state = 1;
  const std::string path = check::MakeFile("garbage", SDM_BLOCK_MAX);
  int opened = 0;
  for (int round = 0; round < 300; round++) {
    Device device(path);
    for (size_t at = 0; at < SDM_BLOCK_MAX; at += 8) {
      state = state * 6364136223846793005 + 1442695040888963407;
      device.Store(at, state >> (state & 63));
    }
    // Often enough a header that is nearly right.
    if (round % 2 == 0) device.Store(SDM_REG_ID, SDM_ID_MAGIC | uint64_t{1} << 32);
    if (round % 4 == 0) device.Store(SDM_REG_GRANULE, uint64_t{1} << (state & 63));
    if (round % 4 == 0) device.Store(SDM_REG_NTRANSCEIVERS, state & 15);
    if (round % 8 == 0) device.Store(SDM_REG_NPORTS, state % 512 + 1);
    Error error;
    auto block = RegisterBlock::Open(FileSource(path), {}, &error);
    if (block == nullptr) continue;
    opened++;
    uint64_t words[32 + 512 * 8];
    block->Snapshot(words);
    uint64_t staging[sdm::kStagingWords];
    Stage(staging, state % block->nports(), state, 1);
    block->Program(staging, 1, 1);
    Stage(staging, state % block->nports(), state, 0);
    block->Program(staging, 1, 1);
  }
  CHECK(opened > 5);
}
