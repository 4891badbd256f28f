// SPDX-License-Identifier: Apache-2.0
//
// Bulk work over mappings, in steps, so that whoever runs it can stop and tell how far it is.
#ifndef SDM_BULK_H
#define SDM_BULK_H

#include <stddef.h>
#include <stdint.h>

#include <memory>

#include "mapping.h"
#include "xxh64.h"

namespace sdm {

class Bulk {
 public:
  enum class Kind { kFill, kCopy, kChecksum, kCompare, kFindOther };

  // Small enough that a step ends within a millisecond or so, page faults included.
  static constexpr uint64_t kStepBytes = uint64_t{1} << 20;

  struct Request {
    Kind kind = Kind::kFill;
    std::shared_ptr<Mapping> target;
    uint64_t offset = 0;
    uint64_t length = 0;
    // kCopy, kCompare:
    std::shared_ptr<Mapping> other;
    uint64_t other_offset = 0;
    // kFill, kFindOther:
    uint64_t word = 0;
  };

  // SDM_ALIGNMENT, SDM_RANGE, SDM_READ_ONLY, SDM_INPUT (a copy that overlaps itself).
  static bool Check(const Request &request, Error *error);

  explicit Bulk(Request request);

  // Does the next step; false when there is nothing left to do.
  bool Step();
  uint64_t done() const { return done_; }

  // What was found, from the start of the target mapping.
  bool found() const { return found_; }
  uint64_t position() const { return position_; }
  uint64_t digest() const { return checksum_.Digest(); }

 private:
  template <typename Access>
  void StepWith(uint64_t at, size_t words);
  void Found(uint64_t position);

  Request request_;
  bool device_;
  uint64_t done_ = 0;
  bool found_ = false;
  uint64_t position_ = 0;
  Xxh64 checksum_;
};

}  // namespace sdm

#endif  // SDM_BULK_H
