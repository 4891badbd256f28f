// SPDX-License-Identifier: Apache-2.0
//
// A block's mapping in which every byte past the block is out of bounds.
#ifndef SDM_FUZZ_GUARD_H
#define SDM_FUZZ_GUARD_H

#include <stddef.h>
#include <stdint.h>

namespace fuzz {

// While it lives, files are mapped by this thread between two pages that nothing may touch, and with
// AddressSanitizer the rest of the last page counts as out of bounds as well.
class Guarded {
 public:
  Guarded();
  ~Guarded();
  Guarded(const Guarded &) = delete;
  Guarded &operator=(const Guarded &) = delete;
};

// From `length` on to the end of its pages the mapping that was made last may not be touched.
// Nothing without AddressSanitizer.
void KeepTo(size_t length);

}  // namespace fuzz

#endif  // SDM_FUZZ_GUARD_H
