// SPDX-License-Identifier: Apache-2.0
#include "file_range.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace sdm {
namespace {

uint64_t PageSize() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

std::string Text(uint64_t offset, uint64_t length) {
  return std::to_string(length) + " bytes at " + std::to_string(offset);
}

bool CheckPages(uint64_t offset, uint64_t length, Error *error) {
  if (length == 0 || length > INT64_MAX || offset > INT64_MAX - length) {
    return Fail(error, Code::SDM_RANGE, Text(offset, length) + " cannot be a part of a file");
  }
  if (offset % PageSize() == 0 && length % PageSize() == 0) return true;
  return Fail(error, Code::SDM_ALIGNMENT,
              Text(offset, length) + " are not whole pages of " + std::to_string(PageSize()));
}

// The next place from `at` on that is data (or a hole); `end` where there is none before.
bool Seek(const FileRange &range, uint64_t at, uint64_t end, int whence, uint64_t *found,
          Error *error) {
  const off_t place = lseek(range.fd(), static_cast<off_t>(at), whence);
  if (place < 0 && errno != ENXIO) return FailSystem(error, "lseek", errno, range.path());
  *found = place < 0 ? end : std::min(static_cast<uint64_t>(place), end);
  return true;
}

}  // namespace

std::shared_ptr<FileRange> FileRange::Open(const std::string &path, uint64_t offset,
                                           uint64_t length, Error *error) {
  if (!CheckPages(offset, length, error)) return nullptr;
  Fd fd(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd.valid()) {
    if (errno == ENOENT) {
      Fail(error, Code::SDM_NOT_FOUND, "there is no file " + path);
    } else {
      FailSystem(error, "open", errno, path);
    }
    return nullptr;
  }
  struct stat status;
  if (fstat(fd.get(), &status) != 0) {
    FailSystem(error, "fstat", errno, path);
    return nullptr;
  }
  const bool regular = S_ISREG(status.st_mode);
  if (!regular && !S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode)) {
    Fail(error, Code::SDM_INPUT, path + " is neither a regular file nor a device");
    return nullptr;
  }
  if (regular && offset + length > static_cast<uint64_t>(status.st_size)) {
    Fail(error, Code::SDM_RANGE,
         path + " has " + std::to_string(status.st_size) + " bytes, and " + Text(offset, length) +
             " were asked for");
    return nullptr;
  }
  // Of the opening, not of the process: another opening in this one is refused, too.
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(offset);
  lock.l_len = static_cast<off_t>(length);
  if (fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
    if (errno == EAGAIN || errno == EACCES) {
      Fail(error, Code::SDM_LOCKED,
           "a part of the " + Text(offset, length) + " of " + path +
               " is locked by another process; stop it first, or name other bytes");
    } else {
      FailSystem(error, "fcntl", errno, path);
    }
    return nullptr;
  }
  std::shared_ptr<FileRange> range(new FileRange());
  range->fd_ = std::move(fd);
  range->path_ = path;
  range->offset_ = offset;
  range->length_ = length;
  range->regular_ = regular;
  return range;
}

bool FileRange::Check(uint64_t offset, uint64_t length, Error *error) const {
  if (!CheckPages(offset, length, error)) return false;
  if (offset >= offset_ && offset + length <= offset_ + length_) return true;
  return Fail(error, Code::SDM_RANGE,
              Text(offset, length) + " of " + path_ + " are not among the " +
                  Text(offset_, length_) + " that were opened");
}

Scrub::Scrub(std::shared_ptr<FileRange> range, uint64_t offset, uint64_t length)
    : range_(std::move(range)), offset_(offset), end_(offset + length), at_(offset) {}

Scrub::Outcome Scrub::Step(Error *error) {
  bool done = false;
  switch (phase_) {
    case Phase::kZero:
      done = Zero(error);
      break;
    case Phase::kLook:
      done = Look(error);
      break;
    case Phase::kRead:
      done = Read(error);
      break;
  }
  if (!done) return Outcome::kFailed;
  if (phase_ == Phase::kRead && (other_ || at_ >= end_)) return Outcome::kDone;
  if (at_ < end_) return Outcome::kMore;
  phase_ = phase_ == Phase::kZero ? Phase::kLook : Phase::kRead;
  at_ = offset_;
  return Outcome::kMore;
}

bool Scrub::Zero(Error *error) {
  if (punched_) {
    const uint64_t length = std::min(kPunchBytes, end_ - at_);
    while (fallocate(range_->fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     static_cast<off_t>(at_), static_cast<off_t>(length)) != 0) {
      if (errno == EINTR) continue;
      if (errno != EOPNOTSUPP && errno != ENOSYS) {
        return FailSystem(error, "fallocate", errno, range_->path());
      }
      // A file system without holes: all that was done before is done again in the other way.
      punched_ = false;
      at_ = offset_;
      return true;
    }
    at_ += length;
    return true;
  }
  return Write(std::min(kReadBytes, end_ - at_), error);
}

bool Scrub::Write(uint64_t length, Error *error) {
  buffer_.assign(kReadBytes / sizeof(uint64_t), 0);
  const ssize_t written = pwrite(range_->fd(), buffer_.data(), length, static_cast<off_t>(at_));
  if (written < 0 && errno == EINTR) return true;
  if (written <= 0) return FailSystem(error, "pwrite", written < 0 ? errno : EIO, range_->path());
  at_ += static_cast<uint64_t>(written);
  return true;
}

bool Scrub::Look(Error *error) {
  if (!Seek(*range_, offset_, end_, SEEK_DATA, &data_at_, error)) return false;
  data_ = data_at_ < end_;
  at_ = end_;
  return true;
}

bool Scrub::Read(Error *error) {
  buffer_.resize(kReadBytes / sizeof(uint64_t));
  const uint64_t length = std::min(kReadBytes, end_ - at_);
  const ssize_t count = pread(range_->fd(), buffer_.data(), length, static_cast<off_t>(at_));
  if (count < 0 && errno == EINTR) return true;
  // The end of the file, before that of the range: somebody has cut it.
  if (count <= 0) return FailSystem(error, "pread", count < 0 ? errno : EIO, range_->path());
  const char *const bytes = reinterpret_cast<const char *>(buffer_.data());
  // All zero: the first is, and each is what the one before it is.
  const size_t size = static_cast<size_t>(count);
  if (bytes[0] != 0 || memcmp(bytes, bytes + 1, size - 1) != 0) {
    const char *const found = std::find_if(bytes, bytes + size, [](char byte) { return byte != 0; });
    other_ = true;
    other_at_ = at_ + static_cast<uint64_t>(found - bytes);
    return true;
  }
  at_ += size;
  return true;
}

CountData::CountData(std::shared_ptr<FileRange> range, uint64_t offset, uint64_t length)
    : range_(std::move(range)), end_(offset + length), at_(offset) {}

Scrub::Outcome CountData::Step(Error *error) {
  uint64_t data;
  uint64_t hole;
  if (!Seek(*range_, at_, end_, SEEK_DATA, &data, error)) return Scrub::Outcome::kFailed;
  if (data >= end_) return Scrub::Outcome::kDone;
  if (!Seek(*range_, data, end_, SEEK_HOLE, &hole, error)) return Scrub::Outcome::kFailed;
  bytes_ += hole - data;
  at_ = hole;
  return at_ < end_ ? Scrub::Outcome::kMore : Scrub::Outcome::kDone;
}

}  // namespace sdm
