// SPDX-License-Identifier: Apache-2.0
//
// Between a fuzz target and the driver that runs it.
#ifndef SDM_FUZZ_H
#define SDM_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <string>
#include <vector>

namespace fuzz {

// Inputs to begin with: what a target finds most to do with.
std::vector<std::string> Seeds();
// Ends the process: what must hold does not.
[[noreturn]] inline void Broken(const std::string &what) {
  fprintf(stderr, "BROKEN: %s\n", what.c_str());
  abort();
}

// Reads the input from front to back; zeros when it is used up.
class Input {
 public:
  Input(const uint8_t *data, size_t size) : data_(data), left_(size) {}
  bool empty() const { return left_ == 0; }
  uint8_t U8() { return Take<uint8_t>(); }
  uint16_t U16() { return Take<uint16_t>(); }
  uint64_t U64() { return Take<uint64_t>(); }
  // Copies as many bytes as there are.
  void Bytes(void *into, size_t size) {
    const size_t length = size < left_ ? size : left_;
    memcpy(into, data_, length);
    data_ += length;
    left_ -= length;
  }

 private:
  template <typename T>
  T Take() {
    T value = 0;
    Bytes(&value, sizeof(value));
    return value;
  }

  const uint8_t *data_;
  size_t left_;
};

}  // namespace fuzz

// For libFuzzer as well, which brings a driver of its own.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif  // SDM_FUZZ_H
