// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include "../abi/memport.h"

namespace fuzz {
namespace {

using Wide = __int128;

constexpr Wide kSpace = static_cast<Wide>(1) << 64;

bool Has(const sdm_header &header, unsigned feature) {
  return (header.features & (uint64_t{1} << feature)) != 0;
}

}  // namespace

bool Model::MayOpen(const sdm_header &header, uint64_t bytes) {
  // In 64 bits nothing here may wrap round.
  const Wide ports = header.nports;
  const Wide window_end = static_cast<Wide>(header.window_base) + header.window_size;
  bool power = false;
  for (unsigned bit = 0; bit < 64; bit++) power = power || header.granule == uint64_t{1} << bit;
  return header.id == 0x1504d4453 && ports >= 1 && ports <= SDM_NPORTS_MAX &&
         0x1000 + ports * 0x40 <= static_cast<Wide>(bytes) && header.ntransceivers <= 16 && power &&
         header.window_size > 0 && window_end <= kSpace && header.remote_size > 0;
}

uint64_t Model::Check(const Entry &entry) {
  const Wide start = entry.start;
  const Wide size = static_cast<Wide>(entry.end) - start + 1;
  const Wide magnitude = entry.offset & INT64_MAX;
  const Wide remote = entry.offset >> SDM_OFFSET_SIGN_BIT != 0 ? start - magnitude : start + magnitude;
  const Wide window = header.window_base;
  if (size < 1 || entry.end == UINT64_MAX || remote < 0 || remote + size >= kSpace) {
    return SDM_STATUS_RANGE;
  }
  const Wide granule = header.granule;
  if (check_alignment && (start % granule != 0 || size % granule != 0 || remote % granule != 0)) {
    return SDM_STATUS_ALIGNMENT;
  }
  if (start < window || start + size > window + header.window_size) return SDM_STATUS_WINDOW;
  if (remote + size > static_cast<Wide>(header.remote_size)) return SDM_STATUS_REMOTE;
  if (!Has(header, SDM_FEATURE_TRANSLATION) && (remote + window != start || remote < granule)) {
    return SDM_STATUS_REMOTE;
  }
  for (uint64_t other = 0; other < header.nports; other++) {
    if (other == entry.port || Port(other, SDM_MEMPORT_SET) != 1) continue;
    const Wide other_start = Port(other, SDM_MEMPORT_START);
    const Wide other_end = Port(other, SDM_MEMPORT_END);
    if (start <= other_end && start + size > other_start) return SDM_STATUS_OVERLAP;
  }
  if (Has(header, SDM_FEATURE_TRANSCEIVERS) && header.ntransceivers > 0) {
    const uint64_t up = words[SDM_REG_LINK_STATUS / 8];
    if ((up & (uint64_t{1} << entry.out_id % header.ntransceivers)) == 0) return SDM_STATUS_LINK;
  }
  return SDM_STATUS_ACTIVE;
}

uint64_t Model::Program(const Entry &entry) {
  if (!Valid(entry)) return SDM_STATUS_RANGE;
  uint64_t status = SDM_STATUS_INACTIVE;
  if (entry.set != 0 && Port(entry.port, SDM_MEMPORT_SET) == 1) {
    status = SDM_STATUS_ACTIVE;  // stays as it is
  } else if (entry.set != 0) {
    Port(entry.port, SDM_MEMPORT_START) = entry.start;
    Port(entry.port, SDM_MEMPORT_END) = entry.end;
    Port(entry.port, SDM_MEMPORT_OFFSET) = entry.offset;
    Port(entry.port, SDM_MEMPORT_OUT_ID) = entry.out_id;
    Port(entry.port, SDM_MEMPORT_IN_ID) = entry.in_id;
    status = Check(entry);
  }
  Port(entry.port, SDM_MEMPORT_SET) = status == SDM_STATUS_ACTIVE;
  Port(entry.port, SDM_MEMPORT_STATUS) = status;
  return status;
}

}  // namespace fuzz
