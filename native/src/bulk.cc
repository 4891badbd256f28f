// SPDX-License-Identifier: Apache-2.0
#include "bulk.h"

#include <algorithm>
#include <utility>

#include "mmio.h"

namespace sdm {
namespace {

// Device memory: every access by itself, 64 bits wide.
struct DeviceAccess {
  static uint64_t Load(const uint64_t *at) { return sdm_load64(at); }
  static void Store(uint64_t *at, uint64_t word) { sdm_store64(at, word); }
};

// Normal memory: the loops below vectorise.
struct NormalAccess {
  static uint64_t Load(const uint64_t *at) { return *at; }
  static void Store(uint64_t *at, uint64_t word) { *at = word; }
};

// Loops that end early do not vectorise: look at blocks for any difference first.
constexpr size_t kBlockWords = 512;

template <typename Differs>
size_t FirstThat(size_t words, Differs differs) {
  for (size_t block = 0; block < words; block += kBlockWords) {
    const size_t end = std::min(block + kBlockWords, words);
    uint64_t any = 0;
    for (size_t i = block; i < end; i++) any |= differs(i);
    if (any == 0) continue;
    for (size_t i = block; i < end; i++) {
      if (differs(i) != 0) return i;
    }
    // Another process changed it back in between: there is nothing to report.
  }
  return words;
}

bool CheckRange(const Mapping &mapping, uint64_t offset, uint64_t length, const char *which,
                Error *error) {
  if (offset % 8 != 0 || length % 8 != 0) {
    return Fail(error, Code::SDM_ALIGNMENT,
                std::string(which) + " offset " + std::to_string(offset) + " or length " +
                    std::to_string(length) + " is not a multiple of 8");
  }
  if (offset > mapping.length() || length > mapping.length() - offset) {
    return Fail(error, Code::SDM_RANGE,
                std::to_string(length) + " bytes at " + which + " offset " +
                    std::to_string(offset) + " leave the mapping, which has " +
                    std::to_string(mapping.length()));
  }
  return true;
}

}  // namespace

bool Bulk::Check(const Request &request, Error *error) {
  if (!CheckRange(*request.target, request.offset, request.length, "the", error)) return false;
  const bool writes = request.kind == Kind::kFill || request.kind == Kind::kCopy;
  if (writes && !request.target->writable()) {
    return Fail(error, Code::SDM_READ_ONLY,
                "the mapping is read-only; map it with writable: true");
  }
  if (request.other == nullptr) return true;
  if (!CheckRange(*request.other, request.other_offset, request.length, "the other", error)) {
    return false;
  }
  const uint64_t distance = std::max(request.offset, request.other_offset) -
                            std::min(request.offset, request.other_offset);
  if (request.kind == Kind::kCopy && request.other == request.target &&
      distance < request.length) {
    return Fail(error, Code::SDM_INPUT,
                "source and target of a copy within one mapping overlap: " +
                    std::to_string(request.length) + " bytes from offset " +
                    std::to_string(request.other_offset) + " to " +
                    std::to_string(request.offset));
  }
  return true;
}

Bulk::Bulk(Request request)
    : request_(std::move(request)),
      device_(request_.target->device() ||
              (request_.other != nullptr && request_.other->device())) {}

bool Bulk::Step() {
  const uint64_t left = request_.length - done_;
  if (left == 0 || found_) return false;
  const uint64_t bytes = std::min(left, kStepBytes);
  const size_t words = static_cast<size_t>(bytes / 8);
  if (device_) {
    StepWith<DeviceAccess>(done_, words);
  } else {
    StepWith<NormalAccess>(done_, words);
  }
  done_ += bytes;
  return true;
}

void Bulk::Found(uint64_t position) {
  found_ = true;
  position_ = position;
}

template <typename Access>
void Bulk::StepWith(uint64_t at, size_t words) {
  const uint64_t start = request_.offset + at;
  uint64_t *const target = reinterpret_cast<uint64_t *>(request_.target->data() + start);
  const uint64_t *const other =
      request_.other == nullptr
          ? nullptr
          : reinterpret_cast<const uint64_t *>(request_.other->data() + request_.other_offset + at);
  const uint64_t word = request_.word;
  switch (request_.kind) {
    case Kind::kFill:
      for (size_t i = 0; i < words; i++) Access::Store(target + i, word);
      break;
    case Kind::kCopy:
      for (size_t i = 0; i < words; i++) Access::Store(target + i, Access::Load(other + i));
      break;
    case Kind::kChecksum:
      checksum_.Update(words, [target](size_t i) { return Access::Load(target + i); });
      break;
    case Kind::kCompare: {
      const auto differs = [target, other](size_t i) {
        return Access::Load(target + i) ^ Access::Load(other + i);
      };
      const size_t i = FirstThat(words, differs);
      if (i == words) break;
      const uint64_t difference = differs(i);
      if (difference == 0) break;
      Found(start + i * 8 + static_cast<uint64_t>(__builtin_ctzll(difference)) / 8);
      break;
    }
    case Kind::kFindOther: {
      const size_t i =
          FirstThat(words, [target, word](size_t n) { return Access::Load(target + n) ^ word; });
      if (i != words) Found(start + i * 8);
      break;
    }
  }
}

}  // namespace sdm
