// SPDX-License-Identifier: Apache-2.0
#include "../src/deadline_write.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <future>

#include "../src/thread.h"
#include "check.h"
#include "locked_kernel.h"

using check::kLockedBytes;
using check::LockedKernel;
using sdm::DeadlineWrite;
using sdm::Error;

namespace {

std::string MakeFifo(const char *name) {
  const std::string path = check::Scratch() + "/" + name;
  CHECK(mkfifo(path.c_str(), 0600) == 0);
  return path;
}

// A pipe that nobody reads and that has no room: a write hangs until a signal.
class FullPipe {
 public:
  FullPipe() : path(MakeFifo("full")), fd_(open(path.c_str(), O_RDWR | O_NONBLOCK)) {
    char page[4096] = {};
    while (write(fd_, page, sizeof(page)) > 0) {
    }
  }
  ~FullPipe() { close(fd_); }
  const std::string path;

 private:
  int fd_;
};

// Runs a write of kLockedBytes on a thread of its own with `kernel` below it.
class LockedWrite {
 public:
  LockedWrite(LockedKernel *kernel, const std::string &path)
      : write_(path, std::string(kLockedBytes, 'x'), 100), kernel_(kernel) {
    CHECK_EQUAL(sdm::StartThread(&thread_, [this] { Run(); }), 0);
    started_.get_future().wait();
  }
  ~LockedWrite() { Join(); }
  void Join() {
    if (joined_) return;
    pthread_join(thread_, nullptr);
    joined_ = true;
  }
  bool supported = false;
  bool written = false;
  Error error;

 private:
  void Run() {
    supported = kernel_->Start();
    started_.set_value();
    if (supported) written = write_.Run(&error);
  }
  DeadlineWrite write_;
  LockedKernel *const kernel_;
  std::promise<void> started_;
  pthread_t thread_;
  bool joined_ = false;
};

off_t SizeOf(const std::string &path) {
  struct stat status;
  CHECK_EQUAL(stat(path.c_str(), &status), 0);
  return status.st_size;
}

bool Skipped(const LockedWrite &write) {
  if (!write.supported) puts("skipped: seccomp cannot hold a system call here (Linux 5.19)");
  return !write.supported;
}

}  // namespace

TEST(WritesWhatItIsGiven) {
  const std::string path = check::WriteFile("file", "");
  Error error;
  CHECK(DeadlineWrite(path, "offline", 10000).Run(&error));
  char text[16] = {};
  FILE *const file = fopen(path.c_str(), "r");
  CHECK_EQUAL(fread(text, 1, sizeof(text), file), size_t{7});
  fclose(file);
  CHECK_EQUAL(std::string(text), std::string("offline"));
}

TEST(SystemErrorsKeepTheirNumber) {
  Error error;
  CHECK_CODE(DeadlineWrite("/dev/full", "x", 10000).Run(&error), error, SDM_SYSTEM);
  CHECK_EQUAL(error.number, ENOSPC);
  CHECK_EQUAL(std::string(error.syscall), std::string("write"));
  CHECK_CODE(DeadlineWrite(check::Scratch() + "/none", "x", 10000).Run(&error), error, SDM_SYSTEM);
  CHECK_EQUAL(error.number, ENOENT);
  CHECK_EQUAL(std::string(error.syscall), std::string("open"));
}

TEST(DeadlineEndsAHangingWrite) {
  FullPipe pipe;
  Error error;
  CHECK_CODE(DeadlineWrite(pipe.path, "x", 30).Run(&error), error, SDM_TIMEOUT);
}

TEST(DeadlineEndsAHangingOpen) {
  const std::string fifo = MakeFifo("nobody");
  Error error;
  CHECK_CODE(DeadlineWrite(fifo, "x", 30).Run(&error), error, SDM_TIMEOUT);
}

TEST(CancelIsTheDeadline) {
  FullPipe pipe;
  DeadlineWrite write(pipe.path, "x", 1000000000);
  pthread_t thread;
  CHECK_EQUAL(sdm::StartThread(&thread, [&write] { write.Cancel(); }), 0);
  Error error;
  CHECK_CODE(write.Run(&error), error, SDM_TIMEOUT);
  pthread_join(thread, nullptr);
}

TEST(ARestartedWriteDoesNothing) {
  const std::string path = check::WriteFile("state", "");
  LockedKernel kernel;
  LockedWrite write(&kernel, path);
  if (Skipped(write)) return;
  CHECK(kernel.Next(20000));
  CHECK(kernel.MayWrite());
  CHECK(kernel.AwaitSignal(20000));
  kernel.Restart();
  if (kernel.Next(20000)) {
    CHECK(!kernel.MayWrite());
    kernel.Let();
  }
  write.Join();
  CHECK(!write.written);
  CHECK_EQUAL(std::string(sdm::CodeName(write.error.code)), std::string("SDM_TIMEOUT"));
  CHECK_EQUAL(SizeOf(path), off_t{0});
}

TEST(AThreadLeftBehindGetsSignalsAndWritesNothing) {
  const std::string path = check::WriteFile("state", "");
  LockedKernel kernel;
  LockedWrite write(&kernel, path);
  if (Skipped(write)) return;
  CHECK(kernel.Next(20000));
  write.Join();
  CHECK_EQUAL(std::string(sdm::CodeName(write.error.code)), std::string("SDM_STUCK"));
  CHECK(kernel.AwaitSignal(20000));
  kernel.Restart();
  // Another signal comes after that one.
  if (kernel.Next(20000)) {
    CHECK(!kernel.MayWrite());
    CHECK(kernel.AwaitSignal(20000));
    kernel.Let();
  }
  CHECK(kernel.AwaitEnd(20000));
  CHECK_EQUAL(SizeOf(path), off_t{0});
}

TEST(NothingIsWrittenAfterTheDeadline) {
  const std::string fifo = MakeFifo("late");
  Error error;
  CHECK_CODE(DeadlineWrite(fifo, "x", 30).Run(&error), error, SDM_TIMEOUT);
  const int reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  char byte;
  CHECK_EQUAL(read(reader, &byte, 1), ssize_t{0});  // no writer, and nothing that one left
  close(reader);
}

// The deadline and the end of the write meet, while the numbers of closed files are taken again.
TEST(FilesOfOthersAreLeftAlone) {
  const std::string mine = check::WriteFile("mine", "");
  std::atomic<bool> stop{false};
  pthread_t thread;
  CHECK_EQUAL(sdm::StartThread(&thread,
                               [&stop] {
                                 Error error;
                                 while (!stop.load()) {
                                   DeadlineWrite write("/dev/null", "x", 1000000000);
                                   pthread_t other;
                                   sdm::StartThread(&other, [&write] { write.Cancel(); });
                                   write.Run(&error);
                                   pthread_join(other, nullptr);
                                 }
                               }),
              0);
  struct stat expected;
  CHECK_EQUAL(stat(mine.c_str(), &expected), 0);
  int wrong = 0;
  for (int round = 0; round < 2000; round++) {
    const int fd = open(mine.c_str(), O_RDWR | O_CLOEXEC);
    sched_yield();
    struct stat now = {};
    wrong += fstat(fd, &now) != 0 || now.st_ino != expected.st_ino;
    close(fd);
  }
  stop.store(true);
  pthread_join(thread, nullptr);
  CHECK_EQUAL(wrong, 0);
}

TEST(TakenSignalsAreLeftAlone) {
  // Whatever signal was used so far belongs to someone else now.
  struct sigaction taken = {};
  taken.sa_handler = [](int) {};
  for (int number = SIGRTMIN + 1; number <= SIGRTMAX; number++) sigaction(number, &taken, nullptr);
  FullPipe pipe;
  Error error;
  CHECK_CODE(DeadlineWrite(pipe.path, "x", 30).Run(&error), error, SDM_TIMEOUT);
  struct sigaction now;
  sigaction(SIGRTMIN, nullptr, &now);
  CHECK(now.sa_handler != SIG_DFL && (now.sa_flags & SA_RESTART) == 0);
  sigaction(SIGRTMIN, &taken, nullptr);
  CHECK_CODE(DeadlineWrite(pipe.path, "x", 30).Run(&error), error, SDM_SYSTEM);
}
