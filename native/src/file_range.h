// SPDX-License-Identifier: Apache-2.0
//
// A part of a file that one process keeps for itself: what a lender lends.
#ifndef SDM_FILE_RANGE_H
#define SDM_FILE_RANGE_H

#include <stdint.h>

#include <memory>
#include <string>
#include <vector>

#include "errors.h"
#include "fd.h"

namespace sdm {

// Open for reading and writing, its bytes locked against other openings that do the same. Shared by
// the JavaScript object and by the work that runs: the last one closes.
class FileRange {
 public:
  // SDM_NOT_FOUND, SDM_INPUT (neither regular file nor device), SDM_RANGE (past the end of the file),
  // SDM_ALIGNMENT (no whole pages), SDM_LOCKED (a part of it is another opening's), SDM_SYSTEM.
  static std::shared_ptr<FileRange> Open(const std::string &path, uint64_t offset, uint64_t length,
                                         Error *error);
  FileRange(const FileRange &) = delete;
  FileRange &operator=(const FileRange &) = delete;

  // SDM_RANGE, SDM_ALIGNMENT for what is not whole pages of it.
  bool Check(uint64_t offset, uint64_t length, Error *error) const;

  int fd() const { return fd_.get(); }
  const std::string &path() const { return path_; }
  // Of a regular file: pages can be given back, bytes read and written by calls.
  bool regular() const { return regular_; }

 private:
  FileRange() = default;

  Fd fd_;
  std::string path_;
  uint64_t offset_ = 0;
  uint64_t length_ = 0;
  bool regular_ = false;
};

// Makes a part of a regular file zero, and looks whether it is. In steps, so that whoever runs it
// can stop.
class Scrub {
 public:
  // A hole of this size takes milliseconds, also where all of its pages are there.
  static constexpr uint64_t kPunchBytes = uint64_t{64} << 20;
  static constexpr uint64_t kReadBytes = uint64_t{1} << 20;

  enum class Outcome { kMore, kDone, kFailed };

  Scrub(std::shared_ptr<FileRange> range, uint64_t offset, uint64_t length);

  // kFailed: SDM_SYSTEM.
  Outcome Step(Error *error);

  // Whoever closes the range need not wait for this object to go as well. After the last Step().
  void Release() { range_.reset(); }

  // Its pages went back to the file system; else zeroes were written, since that gives none back.
  bool punched() const { return punched_; }
  // The first byte of which the file system says that it is data.
  bool data() const { return data_; }
  uint64_t data_at() const { return data_at_; }
  // The first byte that is not zero.
  bool other() const { return other_; }
  uint64_t other_at() const { return other_at_; }

 private:
  enum class Phase { kZero, kLook, kRead };

  bool Zero(Error *error);
  bool Look(Error *error);
  bool Read(Error *error);
  bool Write(uint64_t length, Error *error);

  std::shared_ptr<FileRange> range_;
  const uint64_t offset_;
  const uint64_t end_;
  Phase phase_ = Phase::kZero;
  uint64_t at_;
  bool punched_ = true;
  bool data_ = false;
  bool other_ = false;
  uint64_t data_at_ = 0;
  uint64_t other_at_ = 0;
  std::vector<uint64_t> buffer_;
};

// Adds up what the file system has pages for, in steps.
class CountData {
 public:
  CountData(std::shared_ptr<FileRange> range, uint64_t offset, uint64_t length);

  // kFailed: SDM_SYSTEM.
  Scrub::Outcome Step(Error *error);
  // As Scrub's.
  void Release() { range_.reset(); }
  uint64_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<FileRange> range_;
  const uint64_t end_;
  uint64_t at_;
  uint64_t bytes_ = 0;
};

}  // namespace sdm

#endif  // SDM_FILE_RANGE_H
