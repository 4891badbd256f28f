// SPDX-License-Identifier: Apache-2.0
#include "registers.h"

#include <sched.h>
#include <time.h>

#include "../abi/memport.h"
#include "block_map.h"
#include "mmio.h"
#include "passive.h"

namespace sdm {

// Starts to run at the first wait: a device that answers at once costs no clock.
class RegisterBlock::Deadline {
 public:
  explicit Deadline(double ms) : ms_(ms) {}

  // False once the time is up.
  bool Wait() {
    if (end_ < 0) end_ = Now() + ms_;
    if (Now() >= end_) return false;
    // A device answers within a few hundred loads, or else takes long: let others run then.
    if (++spins_ % 256 == 0) sched_yield();
    sdm_relax();
    return true;
  }

 private:
  static double Now() {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
  }

  double ms_;
  double end_ = -1;
  uint32_t spins_ = 0;
};

std::unique_ptr<RegisterBlock> RegisterBlock::Open(const Source &source, const Options &options,
                                                   Error *error) {
  OpenSource opened;
  size_t length = 0;
  volatile uint8_t *const base = MapBlock(source, options.writable, &opened, &length, error);
  if (base == nullptr) return nullptr;

  std::unique_ptr<RegisterBlock> block(new RegisterBlock());
  block->base_ = base;
  block->length_ = length;
  block->writable_ = options.writable;
  block->check_alignment_ = options.check_alignment;
  sdm_header_read(base, &block->header_);
  if (options.has_window_base && block->passive() && block->header_.window_base == 0) {
    block->header_.window_base = options.window_base;
  }
  const sdm_header_problem problem = sdm_header_check(&block->header_, length);
  if (problem != SDM_HEADER_OK) {
    FailHeader(problem, block->header_, length, opened, error);
    return nullptr;
  }
  if (options.writable) block->fd_ = std::move(opened.fd);
  return block;
}

RegisterBlock::~RegisterBlock() { UnmapBlock(base_, length_); }

bool RegisterBlock::passive() const {
  return (header_.features >> SDM_FEATURE_PASSIVE & 1) != 0;
}

volatile uint8_t *RegisterBlock::Memport(uint32_t port) const {
  return base_ + SDM_MEMPORT_BASE + static_cast<size_t>(port) * SDM_MEMPORT_STRIDE;
}

namespace {

inline bool Unlikely(bool condition) { return __builtin_expect(condition, 0); }

inline void WriteFields(volatile uint8_t *port, const volatile uint64_t *entry) {
  sdm_store64(port + SDM_MEMPORT_START, entry[kStart]);
  sdm_store64(port + SDM_MEMPORT_END, entry[kEnd]);
  sdm_store64(port + SDM_MEMPORT_OFFSET, entry[kOffset]);
  sdm_store64(port + SDM_MEMPORT_OUT_ID, entry[kOutId]);
  sdm_store64(port + SDM_MEMPORT_IN_ID, entry[kInId]);
}

}  // namespace

bool RegisterBlock::AnyBusy() const {
  for (uint32_t port = 0; port < nports(); port++) {
    if (sdm_load64(Memport(port) + SDM_MEMPORT_STATUS) == SDM_STATUS_BUSY) return true;
  }
  return false;
}

// Waits until STATUS is `wanted` or a refusal; BUSY when the time is up. STATUS is read once more
// after that: this thread may have been descheduled since it looked.
__attribute__((noinline)) uint64_t RegisterBlock::Settle(volatile uint8_t *port, uint64_t wanted,
                                                         Deadline *deadline) {
  for (bool in_time = true;; in_time = deadline->Wait()) {
    const uint64_t status = sdm_load64(port + SDM_MEMPORT_STATUS);
    if (status == wanted || status >= SDM_STATUS_RANGE) return status;
    if (!in_time) return SDM_STATUS_BUSY;
  }
}

// The loop that matters: nothing but registers and the entry itself, and one barrier per memport.
uint32_t RegisterBlock::ProgramActive(volatile uint64_t *staging, uint32_t count,
                                      Deadline *deadline) {
  const bool wait_first = maybe_busy_;
  const uint64_t ports = header_.nports;
  volatile uint8_t *const base = base_ + SDM_MEMPORT_BASE;
  uint32_t failed = 0;
  for (volatile uint64_t *entry = staging; entry != staging + count * kStagingWords;
       entry += kStagingWords) {
    const uint64_t number = entry[kPort];
    const uint64_t set = entry[kSet];
    if (Unlikely(number >= ports || set > 1)) {  // it changed since it was checked
      entry[kStatus] = SDM_STATUS_RANGE;
      failed++;
      continue;
    }
    volatile uint8_t *const port = base + number * SDM_MEMPORT_STRIDE;
    uint64_t status = SDM_STATUS_BUSY;
    if (!Unlikely(wait_first && !WaitWhileBusy(port, deadline))) {
      if (set != 0) WriteFields(port, entry);
      sdm_barrier();
      sdm_store64(port + SDM_MEMPORT_SET, set);
      status = sdm_load64(port + SDM_MEMPORT_STATUS);
      // STATUS that says it is done is 1 for 1 and 0 for 0.
      if (Unlikely(status != set)) status = Settle(port, set, deadline);
    }
    entry[kStatus] = status;
    failed += status != set;
    if (Unlikely(status == SDM_STATUS_BUSY)) maybe_busy_ = true;
  }
  return failed;
}

__attribute__((noinline)) bool RegisterBlock::WaitWhileBusy(volatile uint8_t *port,
                                                            Deadline *deadline) {
  for (bool in_time = true; sdm_load64(port + SDM_MEMPORT_STATUS) == SDM_STATUS_BUSY;
       in_time = deadline->Wait()) {
    if (!in_time) return false;
  }
  return true;
}

uint32_t RegisterBlock::ProgramPassive(volatile uint64_t *staging, uint32_t count) {
  uint32_t failed = 0;
  for (volatile uint64_t *entry = staging; entry != staging + count * kStagingWords;
       entry += kStagingWords) {
    const uint64_t number = entry[kPort];
    const uint64_t set = entry[kSet];
    if (number >= header_.nports || set > 1) {  // it changed since it was checked
      entry[kStatus] = SDM_STATUS_RANGE;
      failed++;
      continue;
    }
    volatile uint8_t *const port = Memport(static_cast<uint32_t>(number));
    // Nothing but us keeps the fields of an active memport as they are.
    if (set != 0 && sdm_load64(port + SDM_MEMPORT_SET) != 1) WriteFields(port, entry);
    const uint64_t status = static_cast<uint64_t>(sdm_passive_set(
        base_, &header_, static_cast<uint32_t>(number), set != 0, check_alignment_));
    entry[kStatus] = status;
    failed += status != set;
  }
  return failed;
}

uint32_t RegisterBlock::Program(volatile uint64_t *staging, uint32_t count, double deadline_ms) {
  if (passive()) return ProgramPassive(staging, count);
  if (maybe_busy_) maybe_busy_ = AnyBusy();
  Deadline deadline(deadline_ms);
  return ProgramActive(staging, count, &deadline);
}

void RegisterBlock::Snapshot(uint64_t *into) const {
  for (size_t word = 0; word < kSnapshotHeaderWords; word++) {
    into[word] = sdm_load64(base_ + word * 8);
  }
  into += kSnapshotHeaderWords;
  for (size_t word = 0; word < nports() * kSnapshotPortWords; word++) {
    into[word] = sdm_load64(base_ + SDM_MEMPORT_BASE + word * 8);
  }
}

uint64_t RegisterBlock::Read(size_t offset) const { return sdm_load64(base_ + offset); }

void RegisterBlock::WriteEpoch(uint64_t epoch) { sdm_store64(base_ + SDM_REG_EPOCH, epoch); }

void RegisterBlock::ResetLink(unsigned transceiver) {
  const uint64_t pending = sdm_load64(base_ + SDM_REG_LINK_RESET);
  sdm_store64(base_ + SDM_REG_LINK_RESET, pending | uint64_t{1} << transceiver);
  sdm_barrier();
}

}  // namespace sdm
