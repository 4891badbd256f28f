// SPDX-License-Identifier: Apache-2.0
//
// A register block: opening, programming, reading. Knows nothing of JavaScript.
#ifndef SDM_REGISTERS_H
#define SDM_REGISTERS_H

#include <stddef.h>
#include <stdint.h>

#include <memory>

#include "errors.h"
#include "fd.h"
#include "format.h"
#include "header.h"
#include "source.h"

namespace sdm {

// Words of an entry of the staging buffer; the order is that of STAGING in src/native/types.ts.
constexpr size_t kStagingWords = 8;
enum StagingWord { kPort, kStart, kEnd, kOffset, kOutId, kInId, kSet, kStatus };

// Words of a snapshot: the first 0x100 bytes of the block, then the memports.
constexpr size_t kSnapshotHeaderWords = 32;
constexpr size_t kSnapshotPortWords = 8;

class RegisterBlock {
 public:
  struct Options {
    bool has_window_base = false;
    uint64_t window_base = 0;  // put in where a passive block says 0
    bool writable = true;
    bool check_alignment = true;  // of passive blocks; logic makes its own checks
  };

  static std::unique_ptr<RegisterBlock> Open(const Source &source, const Options &options,
                                             Error *error);
  ~RegisterBlock();
  RegisterBlock(const RegisterBlock &) = delete;
  RegisterBlock &operator=(const RegisterBlock &) = delete;

  const sdm_header &header() const { return header_; }
  bool passive() const;
  bool writable() const { return writable_; }
  uint32_t nports() const { return static_cast<uint32_t>(header_.nports); }
  // Bytes that are mapped.
  size_t length() const { return length_; }
  size_t snapshot_words() const { return kSnapshotHeaderWords + nports() * kSnapshotPortWords; }

  // The index of the first of `count` entries that cannot be programmed at all (no such memport, or
  // SET is neither 0 nor 1), or `count`.
  uint32_t FirstInvalid(const uint64_t *staging, uint32_t count) const {
    for (uint32_t i = 0; i < count; i++) {
      const uint64_t *const entry = staging + i * kStagingWords;
      if (entry[kPort] >= header_.nports || entry[kSet] > 1) return i;
    }
    return count;
  }

  // Programs entries that FirstInvalid() let pass, writes each STATUS back and returns how many did
  // not reach the one asked for. Waits for `deadline_ms` at most in all. Another thread may write to
  // `staging` meanwhile: each word is read once.
  uint32_t Program(volatile uint64_t *staging, uint32_t count, double deadline_ms);

  // `into` has room for snapshot_words().
  void Snapshot(uint64_t *into) const;

  // `offset` is a multiple of 8 below length().
  uint64_t Read(size_t offset) const;
  void WriteEpoch(uint64_t epoch);
  void ResetLink(unsigned transceiver);

 private:
  class Deadline;

  RegisterBlock() = default;
  volatile uint8_t *Memport(uint32_t port) const;
  bool AnyBusy() const;
  uint32_t ProgramPassive(volatile uint64_t *staging, uint32_t count);
  uint32_t ProgramActive(volatile uint64_t *staging, uint32_t count, Deadline *deadline);
  static bool WaitWhileBusy(volatile uint8_t *port, Deadline *deadline);
  static uint64_t Settle(volatile uint8_t *port, uint64_t wanted, Deadline *deadline);

  Fd fd_;  // carries the lock
  volatile uint8_t *base_ = nullptr;
  size_t length_ = 0;
  sdm_header header_ = {};
  bool writable_ = false;
  bool check_alignment_ = true;
  // A memport may still be busy from before; a write to its SET would be ignored until it is not.
  bool maybe_busy_ = true;
};

struct FormatRequest {
  sdm_header header;  // of the profile, with what the caller gave put in
  bool force = false;
};

// Formats the block at `source` and fills in the header that is now in it.
bool FormatBlock(const Source &source, const FormatRequest &request, sdm_header *header,
                 Error *error);

}  // namespace sdm

#endif  // SDM_REGISTERS_H
