// SPDX-License-Identifier: Apache-2.0
#ifndef SDM_NOTIFY_H
#define SDM_NOTIFY_H

#include <string>

#include "errors.h"

namespace sdm {

// Sends `state` to the datagram socket `address`: a path, or '@' and an abstract name. Never waits.
// SDM_INPUT, SDM_SYSTEM.
bool Notify(const std::string &address, const std::string &state, Error *error);

}  // namespace sdm

#endif  // SDM_NOTIFY_H
