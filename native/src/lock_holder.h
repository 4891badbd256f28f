// SPDX-License-Identifier: Apache-2.0
#ifndef SDM_LOCK_HOLDER_H
#define SDM_LOCK_HOLDER_H

#include <string>

namespace sdm {

// Who holds an flock on the file behind `fd`: "process 1234 (sdm-agent)"; empty where the kernel
// does not tell (another PID namespace, a file system with devices of its own).
std::string LockHolder(int fd);

}  // namespace sdm

#endif  // SDM_LOCK_HOLDER_H
