// SPDX-License-Identifier: Apache-2.0
//
// What the executions reached: what none of them did, this fuzzer does not test.
#ifndef SDM_FUZZ_REACHED_H
#define SDM_FUZZ_REACHED_H

#include <stdint.h>

#include <string>

namespace fuzz {

enum class Reach {
  kOpened,
  kRefusedOpen,
  kFormatted,
  kRefusedFormat,
  kInvalid,
  kAnswered,
  kBusy,
  kCount,  // of these
};

void Count(Reach reach);
// A STATUS with which a memport of a passive block ended.
void CountStatus(uint64_t status);

// For people; `missing` names what was never reached.
std::string Reached(std::string *missing);

}  // namespace fuzz

#endif  // SDM_FUZZ_REACHED_H
