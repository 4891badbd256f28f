// SPDX-License-Identifier: Apache-2.0
//
// A file whose only purpose is its lock, or one that stands for something: one process at a time
// has what stands for it.
#ifndef SDM_FILE_LOCK_H
#define SDM_FILE_LOCK_H

#include <memory>
#include <string>
#include <utility>

#include "errors.h"
#include "fd.h"

namespace sdm {

// Held until it is destroyed, or until its process ends, however that comes about. The file stays.
class FileLock {
 public:
  // Makes the file (0600) if it is not there, and writes the process's id into it. SDM_LOCKED names
  // the holder, SDM_INPUT is for a path that stands for something else than a lock, SDM_SYSTEM.
  static std::unique_ptr<FileLock> Take(const std::string &path, Error *error);
  // Locks a file that is something else as well, such as an attribute in sysfs: it is opened for
  // reading and neither made nor written. SDM_NOT_FOUND, SDM_LOCKED, SDM_SYSTEM.
  static std::unique_ptr<FileLock> TakeExisting(const std::string &path, Error *error);
  ~FileLock();
  FileLock(const FileLock &) = delete;
  FileLock &operator=(const FileLock &) = delete;

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

}  // namespace sdm

#endif  // SDM_FILE_LOCK_H
