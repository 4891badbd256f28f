// SPDX-License-Identifier: Apache-2.0
//
// Where a register block is found: a resource of a PCI device, a character device, or a file.
#ifndef SDM_SOURCE_H
#define SDM_SOURCE_H

#include <stdint.h>

#include <string>

#include "errors.h"
#include "fd.h"

namespace sdm {

struct Source {
  std::string pci;  // "0000:00:02.0"; empty: `path` says where
  int resource = 0;
  // A character device, such as /dev/uio0, and how long the block in it is: no device tells that
  // itself. Empty: `pci` or `path` says where.
  std::string device;
  uint64_t size = 0;
  std::string path;
  // Tests put a tree of their own here.
  std::string sysfs = "/sys/bus/pci/devices";
};

struct OpenSource {
  Fd fd;
  uint64_t size = 0;
  std::string path;
  std::string name;     // for messages
  std::string options;  // that name it on the command line of `sdm-agent registers`
};

// "dddd:bb:dd.f" in hexadecimal, as sysfs spells it.
bool ValidPciAddress(const std::string &address);

// Opens the resource (and enables the device first, if it is off), the character device or the file.
// SDM_NOT_FOUND, SDM_DEVICE_BUSY, SDM_INPUT (another kind of file), SDM_SYSTEM.
bool OpenSourceFile(const Source &source, bool writable, OpenSource *opened, Error *error);

// Maps the first `length` bytes, shared. A bound driver that requested the BAR is SDM_DEVICE_BUSY.
void *MapSource(const Source &source, const OpenSource &opened, size_t length, bool writable,
                Error *error);

// Takes the lock that its owner holds. SDM_BLOCK_LOCKED names the holder where the kernel tells.
bool LockSource(const OpenSource &opened, Error *error);

}  // namespace sdm

#endif  // SDM_SOURCE_H
