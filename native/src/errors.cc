// SPDX-License-Identifier: Apache-2.0
#include "errors.h"

#include <string.h>

#include <utility>

namespace sdm {

const char *CodeName(Code code) {
  switch (code) {
#define SDM_X(name) \
  case Code::name:  \
    return #name;
    SDM_NATIVE_ERRORS(SDM_X)
#undef SDM_X
  }
  return "SDM_INPUT";
}

const char *ErrnoName(int number) {
  const char *name = strerrorname_np(number);
  return name != nullptr ? name : "EUNKNOWN";
}

bool Fail(Error *error, Code code, std::string message) {
  error->code = code;
  error->message = std::move(message);
  error->number = 0;
  error->syscall = nullptr;
  return false;
}

bool FailSystem(Error *error, const char *syscall, int number, const std::string &what) {
  const char *text = strerrordesc_np(number);
  error->code = Code::SDM_SYSTEM;
  error->message = what + ": " + syscall + " failed with " + ErrnoName(number) + " (" +
                   (text != nullptr ? text : "unknown error") + ")";
  error->number = number;
  error->syscall = syscall;
  return false;
}

}  // namespace sdm
