// SPDX-License-Identifier: Apache-2.0
//
// XXH64 with seed 0, after its published specification, for input that is a multiple of 8 bytes.
// Chosen since it is fast with nothing but 64-bit loads, and since `xxhsum -H64` can check it.
#ifndef SDM_XXH64_H
#define SDM_XXH64_H

#include <stddef.h>
#include <stdint.h>

namespace sdm {

class Xxh64 {
 public:
  static constexpr size_t kStripeWords = 4;

  // `load(i)` gives word i of a piece. Every piece but the last one has a multiple of kStripeWords.
  template <typename Load>
  void Update(size_t words, Load load) {
    uint64_t a = lane_[0], b = lane_[1], c = lane_[2], d = lane_[3];
    size_t i = 0;
    for (; i + kStripeWords <= words; i += kStripeWords) {
      a = Round(a, load(i));
      b = Round(b, load(i + 1));
      c = Round(c, load(i + 2));
      d = Round(d, load(i + 3));
    }
    lane_[0] = a, lane_[1] = b, lane_[2] = c, lane_[3] = d;
    bytes_ += words * 8;
    tail_words_ = 0;
    for (; i < words; i++) tail_[tail_words_++] = load(i);
  }

  uint64_t Digest() const {
    uint64_t hash;
    if (bytes_ >= kStripeWords * 8) {
      hash = Rotate(lane_[0], 1) + Rotate(lane_[1], 7) + Rotate(lane_[2], 12) + Rotate(lane_[3], 18);
      for (const uint64_t lane : lane_) hash = (hash ^ Round(0, lane)) * kPrime1 + kPrime4;
    } else {
      hash = kPrime5;
    }
    hash += bytes_;
    for (size_t i = 0; i < tail_words_; i++) {
      hash = Rotate(hash ^ Round(0, tail_[i]), 27) * kPrime1 + kPrime4;
    }
    hash = (hash ^ hash >> 33) * kPrime2;
    hash = (hash ^ hash >> 29) * kPrime3;
    return hash ^ hash >> 32;
  }

 private:
  static constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87;
  static constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4F;
  static constexpr uint64_t kPrime3 = 0x165667B19E3779F9;
  static constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63;
  static constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5;

  static uint64_t Rotate(uint64_t value, int by) { return value << by | value >> (64 - by); }
  static uint64_t Round(uint64_t lane, uint64_t word) {
    return Rotate(lane + word * kPrime2, 31) * kPrime1;
  }

  uint64_t lane_[4] = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
  uint64_t tail_[kStripeWords - 1] = {};
  size_t tail_words_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace sdm

#endif  // SDM_XXH64_H
