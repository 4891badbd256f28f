// SPDX-License-Identifier: Apache-2.0
#include "deadline_write.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "fd.h"
#include "thread.h"

namespace sdm {
namespace {

using Clock = std::chrono::steady_clock;

// A signal that arrives before the system call began is lost: it is sent again and again.
constexpr std::chrono::milliseconds kSignalEvery{10};

// Never does anything: that it exists makes the signal interrupt a system call instead of ending
// the process. The library is linked with -z nodelete, so it stays where it is.
void Nothing(int) {}

// A signal whose handler is Nothing(), without SA_RESTART. A disposition belongs to the process:
// take a real-time signal that nobody else uses, and leave it so. 0 if all are in use.
int InterruptSignal() {
  struct sigaction action;
  for (int number = SIGRTMAX; number >= SIGRTMIN; number--) {
    if (sigaction(number, nullptr, &action) == 0 && action.sa_handler == Nothing) return number;
  }
  for (int number = SIGRTMAX; number >= SIGRTMIN; number--) {
    if (sigaction(number, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) continue;
    action = {};
    action.sa_handler = Nothing;
    if (sigaction(number, &action, nullptr) == 0) return number;
  }
  return 0;
}

}  // namespace

struct DeadlineWrite::State {
  std::string path;
  std::string text;
  int signal = 0;

  std::mutex mutex;
  std::condition_variable changed;
  // Under the mutex:
  bool cancelled = false;
  bool done = false;
  const char *syscall = nullptr;  // the one that failed
  int number = 0;

  // The thread that may hang. Touches nothing but this.
  void Write();
};

void DeadlineWrite::State::Write() {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);

  const char *failed = nullptr;
  int why = 0;
  // A FIFO without a reader hangs here already.
  const Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid()) {
    failed = "open";
    why = errno;
  } else {
    const ssize_t written = write(fd.get(), text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size())) {
      failed = "write";
      // A part went out: a pipe was interrupted, or a file system is full.
      why = written < 0 ? errno : EIO;
    }
  }
  const std::lock_guard<std::mutex> lock(mutex);
  syscall = failed;
  number = why;
  done = true;
  changed.notify_all();
}

DeadlineWrite::DeadlineWrite(std::string path, std::string text, int64_t timeout_ms)
    : state_(std::make_shared<State>()), timeout_ms_(timeout_ms) {
  state_->path = std::move(path);
  state_->text = std::move(text);
}

DeadlineWrite::~DeadlineWrite() = default;

void DeadlineWrite::Cancel() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->cancelled = true;
  state_->changed.notify_all();
}

bool DeadlineWrite::Run(Error *error) {
  State &state = *state_;
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(timeout_ms_);
  const std::string what = "write of \"" + state.text + "\" to " + state.path;

  state.signal = InterruptSignal();
  if (state.signal == 0) {
    return FailSystem(error, "sigaction", EAGAIN, what + ": every real-time signal is taken");
  }
  pthread_t thread;
  const int failed = StartThread(&thread, [held = state_] { held->Write(); });
  if (failed != 0) return FailSystem(error, "pthread_create", failed, what);

  std::unique_lock<std::mutex> lock(state.mutex);
  state.changed.wait_until(lock, deadline, [&state] { return state.done || state.cancelled; });
  const bool interrupted = !state.done;
  const Clock::time_point grace = Clock::now() + std::chrono::milliseconds(kGraceMs);
  while (!state.done && Clock::now() < grace) {
    pthread_kill(thread, state.signal);
    state.changed.wait_for(lock, kSignalEvery, [&state] { return state.done; });
  }
  if (!state.done) {
    pthread_detach(thread);
    return Fail(error, Code::SDM_STUCK,
                what + " does not end: the kernel ignores the signal sent after " +
                    std::to_string(timeout_ms_) +
                    " ms. What it was doing may still happen; see /proc/<pid>/task/*/stack");
  }
  lock.unlock();
  pthread_join(thread, nullptr);
  if (state.syscall == nullptr) return true;
  // EIO: a part was written, then the signal came.
  if (interrupted && (state.number == EINTR || state.number == EIO)) {
    return Fail(error, Code::SDM_TIMEOUT,
                what + " did not end within " + std::to_string(timeout_ms_) +
                    " ms and was interrupted");
  }
  return FailSystem(error, state.syscall, state.number, what);
}

}  // namespace sdm
