// SPDX-License-Identifier: Apache-2.0
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lock_holder.h"

namespace sdm {
namespace {

bool IsHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// The driver that is bound to the device, or an empty string.
std::string BoundDriver(const std::string &device) {
  char target[PATH_MAX];
  const ssize_t length = readlink((device + "/driver").c_str(), target, sizeof(target));
  if (length <= 0) return {};
  const std::string path(target, static_cast<size_t>(length));
  return path.substr(path.rfind('/') + 1);
}

// The driver of this project, through which the agent works as well.
constexpr char kOwnDriver[] = "sdmc";

bool FailBusy(const Source &source, Error *error) {
  const std::string driver = BoundDriver(source.sysfs + "/" + source.pci);
  const std::string who = driver.empty() ? "another user" : "the driver \"" + driver + "\"";
  std::string message = "PCI device " + source.pci + " is held by " + who +
                        ", so its registers cannot be mapped";
  if (driver == kOwnDriver) {
    message += "; let the agent go through it (registers.backend \"auto\" or \"sysfs\"), or";
  } else if (!driver.empty()) {
    message += ";";
  }
  if (!driver.empty()) {
    message += " unbind it: echo " + source.pci + " > /sys/bus/pci/drivers/" + driver + "/unbind";
  }
  return Fail(error, Code::SDM_DEVICE_BUSY, message);
}

// Turns memory decoding on. The kernel counts writes to `enable`, so only where the count is 0: who
// merely looks leaves nothing behind.
bool EnableDevice(const Source &source, const std::string &device, Error *error) {
  if (!BoundDriver(device).empty()) return FailBusy(source, error);
  const std::string path = device + "/enable";
  char count = '\0';
  const Fd now(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!now.valid()) return FailSystem(error, "open", errno, path);
  if (read(now.get(), &count, 1) != 1) return FailSystem(error, "read", errno, path);
  if (count != '0') return true;
  Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return FailSystem(error, "open", errno, path);
  if (write(fd.get(), "1", 1) == 1) return true;
  if (errno == EBUSY) return FailBusy(source, error);
  return FailSystem(error, "write", errno, path);
}

bool FindResource(const Source &source, std::string *path, Error *error) {
  const std::string device = source.sysfs + "/" + source.pci;
  if (access(device.c_str(), F_OK) != 0) {
    return Fail(error, Code::SDM_NOT_FOUND,
                "there is no PCI device " + source.pci + "; `sdm-agent probe` lists what there is");
  }
  *path = device + "/resource" + std::to_string(source.resource);
  if (access(path->c_str(), F_OK) != 0) {
    return Fail(error, Code::SDM_NOT_FOUND,
                "PCI device " + source.pci + " has no memory resource " +
                    std::to_string(source.resource) + "; see " + device + "/resource");
  }
  return EnableDevice(source, device, error);
}

// Names what is to be opened, for messages too.
bool Locate(const Source &source, OpenSource *opened, Error *error) {
  if (!source.pci.empty()) {
    opened->name = "resource " + std::to_string(source.resource) + " of PCI device " + source.pci;
    opened->options = "--pci " + source.pci + " --resource " + std::to_string(source.resource);
    return FindResource(source, &opened->path, error);
  }
  opened->path = source.device.empty() ? source.path : source.device;
  opened->name = opened->path;
  opened->options =
      source.device.empty() ? opened->path : "--uio " + opened->path.substr(opened->path.rfind('/') + 1);
  return true;
}

bool FailMissing(const Source &source, const OpenSource &opened, Error *error) {
  if (!source.device.empty()) {
    return Fail(error, Code::SDM_NOT_FOUND,
                "there is no device " + opened.path + "; is its driver bound?");
  }
  return Fail(error, Code::SDM_NOT_FOUND,
              "there is no file " + opened.path +
                  "; make and format it: sdm-agent registers format " + opened.options);
}

// Of the kind that was asked for. A device has no size of its own.
bool CheckKind(const Source &source, OpenSource *opened, Error *error) {
  struct stat status;
  if (fstat(opened->fd.get(), &status) != 0) {
    return FailSystem(error, "fstat", errno, opened->path);
  }
  if (!source.device.empty()) {
    opened->size = source.size;
    return S_ISCHR(status.st_mode) ||
           Fail(error, Code::SDM_INPUT, opened->path + " is not a character device");
  }
  opened->size = static_cast<uint64_t>(status.st_size);
  return S_ISREG(status.st_mode) ||
         Fail(error, Code::SDM_INPUT,
              opened->path + " is not a regular file; registers are a file or a PCI resource");
}

}  // namespace

bool ValidPciAddress(const std::string &address) {
  static const char pattern[] = "hhhh:hh:hh.o";
  if (address.size() != sizeof(pattern) - 1) return false;
  for (size_t i = 0; i < address.size(); i++) {
    const char c = address[i];
    if (pattern[i] == 'h' ? !IsHex(c) : pattern[i] == 'o' ? (c < '0' || c > '7') : c != pattern[i])
      return false;
  }
  return address[8] == '0' || address[8] == '1';  // a bus has 32 devices
}

bool OpenSourceFile(const Source &source, bool writable, OpenSource *opened, Error *error) {
  if (!Locate(source, opened, error)) return false;
  // O_NONBLOCK: a FIFO in place of the file must not hang us.
  const int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  opened->fd = Fd(open(opened->path.c_str(), flags));
  if (opened->fd.valid()) return CheckKind(source, opened, error);
  if (errno == ENOENT) return FailMissing(source, *opened, error);
  return FailSystem(error, "open", errno, opened->path);
}

void *MapSource(const Source &source, const OpenSource &opened, size_t length, bool writable,
                Error *error) {
  void *const base = mmap(nullptr, length, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                          MAP_SHARED, opened.fd.get(), 0);
  if (base != MAP_FAILED) return base;
  const int number = errno;
  if (!source.pci.empty() && (number == EINVAL || number == EBUSY)) {
    FailBusy(source, error);
  } else {
    FailSystem(error, "mmap", number, opened.path);
  }
  return nullptr;
}

bool LockSource(const OpenSource &opened, Error *error) {
  if (flock(opened.fd.get(), LOCK_EX | LOCK_NB) == 0) return true;
  if (errno != EWOULDBLOCK) return FailSystem(error, "flock", errno, opened.path);
  const std::string holder = LockHolder(opened.fd.get());
  return Fail(error, Code::SDM_BLOCK_LOCKED,
              opened.name + " is owned by " + (holder.empty() ? "another process" : holder) +
                  "; command that agent through its socket, or stop it first");
}

}  // namespace sdm
