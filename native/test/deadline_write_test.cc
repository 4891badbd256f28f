// SPDX-License-Identifier: Apache-2.0
#include "../src/deadline_write.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <future>

#include "../src/thread.h"
#include "check.h"

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

// A kernel that cannot take a lock: it ignores the signal, then restarts the write when that is
// there, as lock_device_hotplug_sysfs() does. Made with a seccomp filter of the calling thread and
// those it starts: it hands over each write of kLockedBytes.
constexpr size_t kLockedBytes = 7919;

class LockedKernel {
 public:
  // False where the kernel cannot do this.
  bool Start() {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kLockedBytes, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    fd_ = static_cast<int>(
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program));
    return fd_ >= 0;
  }
  ~LockedKernel() {
    if (fd_ >= 0) close(fd_);
  }

  // The next write. False if there is none within `timeout_ms`, or will be none: a signal may also
  // come before the write is held here, and ends it then.
  bool Next(int timeout_ms) {
    struct pollfd ready = {fd_, POLLIN, 0};
    call_ = {};
    return poll(&ready, 1, timeout_ms) == 1 && (ready.revents & POLLIN) != 0 &&
           ioctl(fd_, SECCOMP_IOCTL_NOTIF_RECV, &call_) == 0;
  }
  bool MayWrite() const {
    return (fcntl(static_cast<int>(call_.data.args[0]), F_GETFL) & O_ACCMODE) != O_RDONLY;
  }
  // Waits until the signal is there for the thread; false if it does not come.
  bool AwaitSignal(int timeout_ms) const {
    const std::string path = "/proc/self/task/" + std::to_string(call_.pid) + "/status";
    for (; timeout_ms > 0; timeout_ms--) {
      char line[256];
      bool pending = false;
      FILE *const file = fopen(path.c_str(), "r");
      if (file == nullptr) return false;
      while (fgets(line, sizeof(line), file) != nullptr) {
        if (strncmp(line, "SigPnd:", 7) == 0) pending = strtoull(line + 7, nullptr, 16) != 0;
      }
      fclose(file);
      if (pending) return true;
      poll(nullptr, 0, 1);
    }
    return false;
  }
  // Waits until no thread is left that has the filter.
  bool AwaitEnd(int timeout_ms) const {
    struct pollfd ready = {fd_, 0, 0};
    return poll(&ready, 1, timeout_ms) == 1 && (ready.revents & POLLHUP) != 0;
  }
  void Restart() { Answer(-513, 0); }  // -ERESTARTNOINTR
  void Let() { Answer(0, SECCOMP_USER_NOTIF_FLAG_CONTINUE); }

 private:
  void Answer(int error, uint32_t flags) {
    struct seccomp_notif_resp answer = {call_.id, 0, error, flags};
    CHECK(ioctl(fd_, SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0);
  }

  int fd_ = -1;
  struct seccomp_notif call_ = {};
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
