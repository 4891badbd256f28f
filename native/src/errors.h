// SPDX-License-Identifier: Apache-2.0
//
// Codes of the errors that the addon gives. src/common/errors.ts holds the same codes, with their
// HTTP status; test/native/codes.test.ts compares the two.
#ifndef SDM_ERRORS_H
#define SDM_ERRORS_H

#include <string>

#define SDM_NATIVE_ERRORS(X)                                                                       \
  X(SDM_INPUT)             /* wrong type, or a value that cannot be */                             \
  X(SDM_FORGED)            /* `this` or an argument was not made by the addon */                   \
  X(SDM_CLOSED)            /* the block or mapping was closed */                                   \
  X(SDM_READ_ONLY)         /* a write through something opened for reading */                      \
  X(SDM_RANGE)             /* outside of the block, file or mapping */                             \
  X(SDM_ALIGNMENT)         /* not a multiple of what the access needs */                           \
  X(SDM_NOT_FOUND)         /* no such file, PCI device or resource */                              \
  X(SDM_DEVICE_BUSY)       /* a kernel driver holds the PCI device */                              \
  X(SDM_BLOCK_SIZE)        /* too small to be a register block */                                  \
  X(SDM_BLOCK_UNFORMATTED) /* ID is zero */                                                        \
  X(SDM_BLOCK_FOREIGN)     /* ID is something else */                                              \
  X(SDM_BLOCK_VERSION)     /* another version of the ABI */                                        \
  X(SDM_BLOCK_INVALID)     /* a header that contradicts itself or the ABI */                       \
  X(SDM_BLOCK_LOCKED)      /* another process or opening owns it */                                \
  X(SDM_BLOCK_FORMATTED)   /* format would overwrite a valid block */                              \
  X(SDM_LOCKED)            /* another process or opening holds the lock of a file */               \
  X(SDM_ABORTED)           /* its AbortSignal fired */                                             \
  X(SDM_TIMEOUT)           /* the deadline passed */                                               \
  X(SDM_STUCK)             /* the kernel does not give a thread back */                            \
  X(SDM_SYSTEM)            /* a system call failed: .errno, .errnoName, .syscall */

namespace sdm {

enum class Code {
#define SDM_X(code) code,
  SDM_NATIVE_ERRORS(SDM_X)
#undef SDM_X
};

// What a function that failed leaves behind. `number` is an errno for SDM_SYSTEM, else 0.
struct Error {
  Code code = Code::SDM_INPUT;
  std::string message;
  int number = 0;
  const char *syscall = nullptr;
};

const char *CodeName(Code code);

// "EBUSY" for EBUSY; never null.
const char *ErrnoName(int number);

// Both fill `error` and return false, so that a caller can `return Fail(...)`.
bool Fail(Error *error, Code code, std::string message);
bool FailSystem(Error *error, const char *syscall, int number, const std::string &what);

}  // namespace sdm

#endif  // SDM_ERRORS_H
