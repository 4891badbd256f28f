// SPDX-License-Identifier: Apache-2.0
//
// What a register block has to do, from docs/memport-abi.md, written a second time and in another
// way: on whole words of 128 bits, over a copy of the block.
#ifndef SDM_FUZZ_MODEL_H
#define SDM_FUZZ_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "../src/header.h"

namespace fuzz {

struct Entry {
  uint64_t port, start, end, offset, out_id, in_id, set;
};

// The words of a block, and what it was opened with.
struct Model {
  std::vector<uint64_t> words;
  sdm_header header;  // as it was at opening, with the effective window base
  bool check_alignment = true;

  uint64_t &Port(uint64_t port, size_t reg) { return words[0x200 + port * 8 + reg / 8]; }
  // A block of `bytes` with this header can be opened.
  static bool MayOpen(const sdm_header &header, uint64_t bytes);
  bool Valid(const Entry &entry) const { return entry.port < header.nports && entry.set <= 1; }
  // Programs the entry as a passive block does, and returns the STATUS that it ends with.
  uint64_t Program(const Entry &entry);

 private:
  uint64_t Check(const Entry &entry);
};

}  // namespace fuzz

#endif  // SDM_FUZZ_MODEL_H
