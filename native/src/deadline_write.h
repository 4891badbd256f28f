// SPDX-License-Identifier: Apache-2.0
//
// A write(2) with a deadline. The kernel loops in a write to memoryN/state until it is done or the
// thread has a signal, so the write has a thread of its own and a signal ends it.
#ifndef SDM_DEADLINE_WRITE_H
#define SDM_DEADLINE_WRITE_H

#include <stdint.h>

#include <memory>
#include <string>

#include "errors.h"

namespace sdm {

class DeadlineWrite {
 public:
  // How long the kernel has to give the thread back once it was interrupted.
  static constexpr int64_t kGraceMs = 2000;

  DeadlineWrite(std::string path, std::string text, int64_t timeout_ms);
  ~DeadlineWrite();
  DeadlineWrite(const DeadlineWrite &) = delete;
  DeadlineWrite &operator=(const DeadlineWrite &) = delete;

  // Blocks its caller, which is not the main thread, for timeout + grace at most.
  // SDM_TIMEOUT, SDM_STUCK (the thread is left behind, and gets signals until it ends), SDM_SYSTEM.
  // After the deadline no write begins, nor begins again.
  bool Run(Error *error);

  // From any thread: the deadline is now.
  void Cancel();

 private:
  struct State;

  std::shared_ptr<State> state_;  // the thread that writes holds it too
  int64_t timeout_ms_;
};

}  // namespace sdm

#endif  // SDM_DEADLINE_WRITE_H
