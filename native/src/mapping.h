// SPDX-License-Identifier: Apache-2.0
//
// A mapped range of memory: a pool file, a PCI resource, the module's window device.
#ifndef SDM_MAPPING_H
#define SDM_MAPPING_H

#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <string>

#include "errors.h"

namespace sdm {

// Shared by the JavaScript object and by the bulk calls that run: the last one unmaps.
class Mapping {
 public:
  struct Request {
    std::string path;
    uint64_t offset = 0;
    uint64_t length = 0;
    bool writable = false;
  };

  // SDM_ALIGNMENT, SDM_RANGE (past the end of the file: a touch would be SIGBUS), SDM_NOT_FOUND,
  // SDM_INPUT (a kind of file that cannot be mapped), SDM_SYSTEM.
  static std::shared_ptr<Mapping> Open(const Request &request, Error *error);
  ~Mapping();
  Mapping(const Mapping &) = delete;
  Mapping &operator=(const Mapping &) = delete;

  uint8_t *data() const { return data_; }
  uint64_t length() const { return length_; }
  bool writable() const { return writable_; }
  // Device memory: only single aligned 64-bit accesses. Else the compiler may vectorise.
  bool device() const { return device_; }

 private:
  Mapping() = default;

  uint8_t *data_ = nullptr;
  uint64_t length_ = 0;
  bool writable_ = false;
  bool device_ = false;
};

}  // namespace sdm

#endif  // SDM_MAPPING_H
