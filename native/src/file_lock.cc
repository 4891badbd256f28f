// SPDX-License-Identifier: Apache-2.0
#include "file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lock_holder.h"

namespace sdm {
namespace {

// Longer than any process id with its newline.
constexpr size_t kMostText = 16;
// Somebody who removes lock files can make us begin again, but not for ever.
constexpr int kMostTurns = 100;

// The process id that a file consists of; empty if it is empty, "?" if it is anything else.
std::string WrittenPid(int fd) {
  char text[kMostText + 1];
  const ssize_t length = pread(fd, text, sizeof(text), 0);
  if (length == 0) return {};
  if (length < 0 || length > static_cast<ssize_t>(kMostText)) return "?";
  std::string pid(text, static_cast<size_t>(length));
  if (pid.back() == '\n') pid.pop_back();
  const bool digits = !pid.empty() && pid.find_first_not_of("0123456789") == std::string::npos;
  return digits ? pid : "?";
}

bool FailLocked(int fd, const std::string &path, Error *error) {
  // The kernel knows, but does not tell everywhere; the holder wrote down who it is.
  std::string holder = LockHolder(fd);
  if (holder.empty()) {
    const std::string pid = WrittenPid(fd);
    holder = pid.empty() || pid == "?" ? "another process" : "process " + pid;
  }
  return Fail(error, Code::SDM_LOCKED, path + " is locked by " + holder + "; stop it first");
}

// Only for people and for FailLocked(): that it cannot be written, say on a full disk, is no reason
// to go without the lock.
void WritePid(int fd) {
  const std::string text = std::to_string(getpid()) + "\n";
  if (ftruncate(fd, 0) != 0) return;
  const ssize_t written = pwrite(fd, text.data(), text.size(), 0);
  static_cast<void>(written);
}

bool OpenLock(const std::string &path, Fd *fd, struct stat *status, Error *error) {
  // A link would let whoever may write to the directory choose the file that is written to.
  const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  *fd = Fd(open(path.c_str(), flags, 0600));
  if (!fd->valid()) return FailSystem(error, "open", errno, path);
  if (fstat(fd->get(), status) != 0) return FailSystem(error, "fstat", errno, path);
  if (S_ISREG(status->st_mode) && WrittenPid(fd->get()) != "?") return true;
  return Fail(error, Code::SDM_INPUT,
              path + " is not a lock file: that is empty, or holds the number of a process. "
                     "Remove it, or name another path");
}

bool Lock(int fd, const std::string &path, Error *error) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
  return errno == EWOULDBLOCK ? FailLocked(fd, path, error)
                              : FailSystem(error, "flock", errno, path);
}

}  // namespace

std::unique_ptr<FileLock> FileLock::TakeExisting(const std::string &path, Error *error) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) {
    if (errno == ENOENT) {
      Fail(error, Code::SDM_NOT_FOUND, "there is no file " + path);
    } else {
      FailSystem(error, "open", errno, path);
    }
    return nullptr;
  }
  if (!Lock(fd.get(), path, error)) return nullptr;
  return std::unique_ptr<FileLock>(new FileLock(std::move(fd)));
}

std::unique_ptr<FileLock> FileLock::Take(const std::string &path, Error *error) {
  for (int turn = 0; turn < kMostTurns; turn++) {
    Fd fd;
    struct stat ours;
    if (!OpenLock(path, &fd, &ours, error)) return nullptr;
    if (!Lock(fd.get(), path, error)) return nullptr;
    // Removed since it was opened: others will lock another file of that name.
    struct stat now;
    if (lstat(path.c_str(), &now) != 0 || now.st_ino != ours.st_ino || now.st_dev != ours.st_dev) {
      continue;
    }
    WritePid(fd.get());
    return std::unique_ptr<FileLock>(new FileLock(std::move(fd)));
  }
  Fail(error, Code::SDM_LOCKED,
       path + " is removed again and again by somebody else, so it cannot be locked");
  return nullptr;
}

// Not by close() alone: a child that was forked and has not yet become another program holds the
// same lock.
FileLock::~FileLock() { flock(fd_.get(), LOCK_UN); }

}  // namespace sdm
