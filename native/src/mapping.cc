// SPDX-License-Identifier: Apache-2.0
#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fd.h"

namespace sdm {
namespace {

constexpr long kSysfsMagic = 0x62656572;

bool EndsWith(const std::string &text, const char *end) {
  const size_t length = strlen(end);
  return text.size() >= length && text.compare(text.size() - length, length, end) == 0;
}

// The module's window device maps as the linear map does; of other character devices (/dev/mem,
// UIO) nothing is known.
bool IsWindowDevice(const struct stat &status) {
  char link[64];
  char target[PATH_MAX];
  snprintf(link, sizeof(link), "/sys/dev/char/%u:%u", major(status.st_rdev),
           minor(status.st_rdev));
  const ssize_t length = readlink(link, target, sizeof(target));
  return length > 0 &&
         EndsWith(std::string(target, static_cast<size_t>(length)), "/sdm-window");
}

bool IsDeviceMemory(int fd, const struct stat &status, const std::string &path) {
  if (S_ISCHR(status.st_mode)) return !IsWindowDevice(status);
  struct statfs fs;
  if (fstatfs(fd, &fs) != 0) return true;
  // A PCI resource; resourceN_wc is normal memory, not cached.
  return static_cast<long>(fs.f_type) == kSysfsMagic && !EndsWith(path, "_wc");
}

bool CheckRequest(const Mapping::Request &request, Error *error) {
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  if (request.offset % page != 0) {
    return Fail(error, Code::SDM_ALIGNMENT,
                "offset " + std::to_string(request.offset) + " is not a multiple of the page size, " +
                    std::to_string(page));
  }
  if (request.length % 8 != 0) {
    return Fail(error, Code::SDM_ALIGNMENT,
                "length " + std::to_string(request.length) + " is not a multiple of 8");
  }
  if (request.length == 0 || request.length > INT64_MAX ||
      request.offset > INT64_MAX - request.length) {
    return Fail(error, Code::SDM_RANGE,
                "a range of " + std::to_string(request.length) + " bytes at " +
                    std::to_string(request.offset) + " cannot be mapped");
  }
  return true;
}

}  // namespace

std::shared_ptr<Mapping> Mapping::Open(const Request &request, Error *error) {
  if (!CheckRequest(request, error)) return nullptr;
  const int flags = (request.writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const Fd fd(open(request.path.c_str(), flags));
  if (!fd.valid()) {
    if (errno == ENOENT) {
      Fail(error, Code::SDM_NOT_FOUND, "there is no file " + request.path);
    } else {
      FailSystem(error, "open", errno, request.path);
    }
    return nullptr;
  }
  struct stat status;
  if (fstat(fd.get(), &status) != 0) {
    FailSystem(error, "fstat", errno, request.path);
    return nullptr;
  }
  if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode)) {
    Fail(error, Code::SDM_INPUT,
         request.path + " is neither a regular file nor a character device");
    return nullptr;
  }
  // A character device has no size and refuses by itself what it does not have.
  if (S_ISREG(status.st_mode) &&
      request.offset + request.length > static_cast<uint64_t>(status.st_size)) {
    Fail(error, Code::SDM_RANGE,
         request.path + " has " + std::to_string(status.st_size) + " bytes, and " +
             std::to_string(request.length) + " at " + std::to_string(request.offset) +
             " were asked for");
    return nullptr;
  }
  void *const data = mmap(nullptr, request.length, request.writable ? PROT_READ | PROT_WRITE : PROT_READ,
                          MAP_SHARED, fd.get(), static_cast<off_t>(request.offset));
  const int number = errno;
  const bool device = IsDeviceMemory(fd.get(), status, request.path);
  if (data == MAP_FAILED) {
    FailSystem(error, "mmap", number, request.path);
    if (device && number == EINVAL) {
      error->message += ". Is a driver bound to the device, or is the range system RAM by now?";
    }
    return nullptr;
  }
  std::shared_ptr<Mapping> mapping(new Mapping());
  mapping->data_ = static_cast<uint8_t *>(data);
  mapping->length_ = request.length;
  mapping->writable_ = request.writable;
  mapping->device_ = device;
  return mapping;
}

Mapping::~Mapping() { munmap(data_, length_); }

}  // namespace sdm
