// SPDX-License-Identifier: Apache-2.0
#include "reached.h"

#include "../abi/memport.h"

namespace fuzz {
namespace {

constexpr const char *kNames[] = {"opened",          "not opened",        "formatted", "not formatted",
                                  "invalid entries", "answered by logic", "busy"};
static_assert(sizeof(kNames) / sizeof(kNames[0]) == static_cast<size_t>(Reach::kCount));

// Those that a passive block gives.
constexpr uint64_t kStatuses[] = {SDM_STATUS_INACTIVE, SDM_STATUS_ACTIVE,  SDM_STATUS_RANGE,
                                  SDM_STATUS_WINDOW,   SDM_STATUS_OVERLAP, SDM_STATUS_REMOTE,
                                  SDM_STATUS_ALIGNMENT, SDM_STATUS_LINK};

uint64_t reached[static_cast<size_t>(Reach::kCount)];
uint64_t statuses[SDM_STATUS_RESOURCES + 1];

}  // namespace

void Count(Reach reach) { reached[static_cast<size_t>(reach)]++; }

void CountStatus(uint64_t status) {
  if (status <= SDM_STATUS_RESOURCES) statuses[status]++;
}

std::string Reached(std::string *missing) {
  std::string text;
  const auto add = [&text, missing](const std::string &name, uint64_t count) {
    text += (text.empty() ? "" : ", ") + name + " " + std::to_string(count);
    if (count == 0) *missing += (missing->empty() ? "" : ", ") + name;
  };
  for (size_t i = 0; i < static_cast<size_t>(Reach::kCount); i++) add(kNames[i], reached[i]);
  for (const uint64_t status : kStatuses) add("STATUS " + std::to_string(status), statuses[status]);
  return text;
}

}  // namespace fuzz
