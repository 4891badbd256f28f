// SPDX-License-Identifier: Apache-2.0
#include <linux/magic.h>
#include <sys/vfs.h>

#include "../abi/memport.h"
#include "block_map.h"
#include "mmio.h"
#include "registers.h"

namespace sdm {
namespace {

// A PCI resource, which may also be named by its path in sysfs, or a device: there may be logic.
bool IsResource(const Source &source, const OpenSource &opened) {
  struct statfs status;
  return !source.pci.empty() || !source.device.empty() ||
         (fstatfs(opened.fd.get(), &status) == 0 && status.f_type == SYSFS_MAGIC);
}

// What is there already, and may it be overwritten?
bool MayFormat(const Source &source, const OpenSource &opened, const volatile uint8_t *base,
               size_t length, bool force, Error *error) {
  sdm_header old;
  sdm_header_read(base, &old);
  const sdm_header_problem problem = sdm_header_check(&old, length);
  const bool ours = problem != SDM_HEADER_UNFORMATTED && problem != SDM_HEADER_FOREIGN;
  if (ours && IsResource(source, opened) && (old.features >> SDM_FEATURE_PASSIVE & 1) == 0) {
    return Fail(error, Code::SDM_BLOCK_FORMATTED,
                opened.name + " has logic behind it, which formats its registers itself");
  }
  if (force || problem == SDM_HEADER_UNFORMATTED) return true;
  if (problem == SDM_HEADER_FOREIGN) return FailHeader(problem, old, length, opened, error);
  uint32_t set = 0;
  if (problem == SDM_HEADER_OK) {
    for (uint64_t n = 0; n < old.nports; n++) {
      set += sdm_load64(base + SDM_MEMPORT_BASE + n * SDM_MEMPORT_STRIDE + SDM_MEMPORT_SET) != 0;
    }
  }
  return Fail(error, Code::SDM_BLOCK_FORMATTED,
              opened.name + " is formatted already and has " + std::to_string(set) +
                  " memports set; to lose them, use --force (force: true)");
}

}  // namespace

bool FormatBlock(const Source &source, const FormatRequest &request, sdm_header *header,
                 Error *error) {
  OpenSource opened;
  size_t length = 0;
  volatile uint8_t *const base = MapBlock(source, true, &opened, &length, error);
  if (base == nullptr) return false;

  bool done = false;
  const sdm_header_problem problem = sdm_header_check(&request.header, length);
  if (problem != SDM_HEADER_OK) {
    Fail(error, problem == SDM_HEADER_NPORTS_LENGTH ? Code::SDM_BLOCK_SIZE : Code::SDM_INPUT,
         opened.name + " cannot be formatted so: " +
             DescribeHeader(problem, request.header, length));
  } else if (MayFormat(source, opened, base, length, request.force, error)) {
    sdm_format(base, &request.header);
    sdm_header_read(base, header);
    const sdm_header_problem after = sdm_header_check(header, length);
    done = after == SDM_HEADER_OK || FailHeader(after, *header, length, opened, error);
  }
  UnmapBlock(base, length);
  return done;
}

}  // namespace sdm
