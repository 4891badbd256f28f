// SPDX-License-Identifier: Apache-2.0
#include "deadline_write.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "fd.h"
#include "thread.h"

#ifndef sigev_notify_thread_id  // the C library has the value but not the name
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace sdm {
namespace {

using Clock = std::chrono::steady_clock;

// A signal that arrives before the system call began is lost: it is sent again and again.
constexpr long kSignalEveryNs = 10'000'000;

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
  bool expired = false;  // from here on no write may begin
  bool done = false;
  bool has_timer = false;
  timer_t timer = {};             // sends the signal to the thread for as long as that lives
  int fd = -1;                    // what is being written to
  const char *syscall = nullptr;  // the one that failed
  int number = 0;

  // The thread that may hang. Touches nothing but this.
  void Write();
  // With the mutex held: no write begins from now on, and one that runs gets signals until it ends.
  void Expire(int nothing);

 private:
  void Attempt();
  bool Begin(int opened);
  bool StartTimer();
  void End();
  void Failed(const char *call, int why);
};

void DeadlineWrite::State::Write() {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  if (StartTimer()) Attempt();
  End();
}

void DeadlineWrite::State::Attempt() {
  // A FIFO without a reader hangs here already.
  const int opened = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (opened < 0) return Failed("open", errno);
  if (!Begin(opened)) return Failed("write", EINTR);
  const ssize_t written = write(opened, text.data(), text.size());
  // A part went out: a pipe was interrupted, or a file system is full.
  if (written < 0) return Failed("write", errno);
  if (written != static_cast<ssize_t>(text.size())) Failed("write", EIO);
}

// False after the deadline: an open() that took long must not be followed by a write.
bool DeadlineWrite::State::Begin(int opened) {
  const std::lock_guard<std::mutex> lock(mutex);
  fd = opened;
  return !expired;
}

// The timer belongs to this thread, so its signals cannot reach another one, nor end too early.
bool DeadlineWrite::State::StartTimer() {
  struct sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal;
  event.sigev_notify_thread_id = gettid();
  const std::lock_guard<std::mutex> lock(mutex);
  if (expired) {
    number = EINTR;
    syscall = "open";
  } else if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) {
    number = errno;
    syscall = "timer_create";
  } else {
    has_timer = true;
  }
  return has_timer;
}

// Closes under the mutex: Expire() never meets a number that is someone else's by now.
void DeadlineWrite::State::End() {
  const std::lock_guard<std::mutex> lock(mutex);
  if (has_timer) timer_delete(timer);
  has_timer = false;
  if (fd >= 0) close(fd);
  fd = -1;
  done = true;
  changed.notify_all();
}

void DeadlineWrite::State::Failed(const char *call, int why) {
  const std::lock_guard<std::mutex> lock(mutex);
  syscall = call;
  number = why;
}

void DeadlineWrite::State::Expire(int nothing) {
  expired = true;
  // A kernel that cannot take its lock restarts the write after the signal (ERESTARTNOINTR,
  // whatever SA_RESTART says), and would do what nobody waits for any more. A write that is inside
  // keeps its file; one that begins again finds a descriptor that cannot be written to.
  if (fd >= 0) dup3(nothing, fd, O_CLOEXEC);
  if (!has_timer) return;
  const struct itimerspec often = {{0, kSignalEveryNs}, {0, 1}};
  timer_settime(timer, 0, &often, nullptr);
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
  const Fd nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!nothing.valid()) return FailSystem(error, "open", errno, what + ": /dev/null");
  pthread_t thread;
  const int failed = StartThread(&thread, [held = state_] { held->Write(); });
  if (failed != 0) return FailSystem(error, "pthread_create", failed, what);

  std::unique_lock<std::mutex> lock(state.mutex);
  state.changed.wait_until(lock, deadline, [&state] { return state.done || state.cancelled; });
  const bool interrupted = !state.done;
  if (interrupted) {
    state.Expire(nothing.get());
    state.changed.wait_for(lock, std::chrono::milliseconds(kGraceMs),
                           [&state] { return state.done; });
  }
  if (!state.done) {
    pthread_detach(thread);
    return Fail(error, Code::SDM_STUCK,
                what + " does not end: the kernel ignores the signal sent after " +
                    std::to_string(timeout_ms_) +
                    " ms. What it is doing may still happen; see /proc/<pid>/task/*/stack");
  }
  lock.unlock();
  pthread_join(thread, nullptr);
  if (state.syscall == nullptr) return true;
  // EIO: a part was written, then the signal came. EBADF: it was restarted.
  if (interrupted && (state.number == EINTR || state.number == EIO || state.number == EBADF)) {
    return Fail(error, Code::SDM_TIMEOUT,
                what + " did not end within " + std::to_string(timeout_ms_) +
                    " ms and was interrupted");
  }
  return FailSystem(error, state.syscall, state.number, what);
}

}  // namespace sdm
