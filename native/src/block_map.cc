// SPDX-License-Identifier: Apache-2.0
#include "block_map.h"

#include <stdio.h>
#include <sys/mman.h>

#include <algorithm>

#include "../abi/memport.h"

namespace sdm {
namespace {

std::string Hex(uint64_t value) {
  char text[24];
  snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

std::string DescribeHeader(sdm_header_problem problem, const sdm_header &header, size_t length) {
  switch (problem) {
    case SDM_HEADER_NPORTS:
      return "NPORTS is " + std::to_string(header.nports) + ", not 1 to " +
             std::to_string(SDM_NPORTS_MAX);
    case SDM_HEADER_NPORTS_LENGTH:
      return std::to_string(header.nports) + " memports need " +
             std::to_string(SDM_MEMPORT_BASE + header.nports * SDM_MEMPORT_STRIDE) +
             " bytes, and there are " + std::to_string(length);
    case SDM_HEADER_NTRANSCEIVERS:
      return "NTRANSCEIVERS is " + std::to_string(header.ntransceivers) + ", more than " +
             std::to_string(SDM_NTRANSCEIVERS_MAX);
    case SDM_HEADER_GRANULE:
      return "GRANULE is " + Hex(header.granule) + ", not a power of two";
    case SDM_HEADER_WINDOW:
      return "the window of " + Hex(header.window_size) + " bytes at " + Hex(header.window_base) +
             " is empty or leaves the 64-bit space";
    default:
      return "REMOTE_SIZE is 0";
  }
}

volatile uint8_t *MapBlock(const Source &source, bool writable, OpenSource *opened, size_t *length,
                           Error *error) {
  if (!OpenSourceFile(source, writable, opened, error)) return nullptr;
  const uint64_t least = SDM_MEMPORT_BASE + SDM_MEMPORT_STRIDE;
  if (opened->size < least) {
    Fail(error, Code::SDM_BLOCK_SIZE,
         opened->name + " has " + std::to_string(opened->size) +
             " bytes; a register block has at least " + std::to_string(least) +
             " (with 32 memports " +
             std::to_string(SDM_MEMPORT_BASE + SDM_NPORTS_DEFAULT * SDM_MEMPORT_STRIDE) + ")");
    return nullptr;
  }
  if (writable && !LockSource(*opened, error)) return nullptr;
  *length = static_cast<size_t>(std::min<uint64_t>(opened->size, SDM_BLOCK_MAX)) & ~size_t{7};
  return static_cast<volatile uint8_t *>(MapSource(source, *opened, *length, writable, error));
}

void UnmapBlock(volatile uint8_t *base, size_t length) {
  munmap(const_cast<uint8_t *>(base), length);
}

bool FailHeader(sdm_header_problem problem, const sdm_header &header, size_t length,
                const OpenSource &opened, Error *error) {
  const std::string format = "sdm-agent registers format " + opened.options;
  switch (problem) {
    case SDM_HEADER_UNFORMATTED:
      return Fail(error, Code::SDM_BLOCK_UNFORMATTED,
                  opened.name + " is not formatted as a register block; format it: " + format);
    case SDM_HEADER_FOREIGN:
      if (header.id == UINT64_MAX) {
        return Fail(error, Code::SDM_BLOCK_FOREIGN,
                    opened.name + " reads as all ones: nothing answers there. Is the device still "
                                  "there, and does another driver switch its memory off?");
      }
      return Fail(error, Code::SDM_BLOCK_FOREIGN,
                  opened.name + " is not a register block: its first word is " + Hex(header.id) +
                      ", not \"SDMP\". If what is there can be lost, format it: " + format +
                      " --force");
    case SDM_HEADER_VERSION:
      return Fail(error, Code::SDM_BLOCK_VERSION,
                  opened.name + " has version " +
                      std::to_string(header.id >> SDM_ID_VERSION_SHIFT) +
                      " of the register ABI, and this program knows version " +
                      std::to_string(SDM_ABI_VERSION) + "; use a program that knows both");
    default:
      return Fail(error, Code::SDM_BLOCK_INVALID,
                  opened.name + " has a header that cannot be: " +
                      DescribeHeader(problem, header, length) + ". If it is passive, format it: " + format +
                      " --force");
  }
}

}  // namespace sdm
