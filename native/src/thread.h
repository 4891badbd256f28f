// SPDX-License-Identifier: Apache-2.0
#ifndef SDM_THREAD_H
#define SDM_THREAD_H

#include <pthread.h>

#include <functional>

namespace sdm {

// Starts a joinable thread with a small stack and all signals blocked: they belong to threads that
// know them. Returns an errno, or 0. (std::thread can only throw.)
int StartThread(pthread_t *thread, std::function<void()> run);

}  // namespace sdm

#endif  // SDM_THREAD_H
