// SPDX-License-Identifier: Apache-2.0
#include "../src/deadline_write.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

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
