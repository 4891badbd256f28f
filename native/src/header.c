/* SPDX-License-Identifier: Apache-2.0 */
#include "header.h"

#include "../abi/memport.h"
#include "mmio.h"

void sdm_header_read(const volatile void *block, struct sdm_header *header) {
  const volatile uint8_t *base = block;

  header->id = sdm_load64(base + SDM_REG_ID);
  header->features = sdm_load64(base + SDM_REG_FEATURES);
  header->nports = sdm_load64(base + SDM_REG_NPORTS);
  header->window_base = sdm_load64(base + SDM_REG_WINDOW_BASE);
  header->window_size = sdm_load64(base + SDM_REG_WINDOW_SIZE);
  header->remote_size = sdm_load64(base + SDM_REG_REMOTE_SIZE);
  header->granule = sdm_load64(base + SDM_REG_GRANULE);
  header->ntransceivers = sdm_load64(base + SDM_REG_NTRANSCEIVERS);
}

enum sdm_header_problem sdm_header_check(const struct sdm_header *header, uint64_t length) {
  if (header->id == 0)
    return SDM_HEADER_UNFORMATTED;
  if ((uint32_t)header->id != SDM_ID_MAGIC)
    return SDM_HEADER_FOREIGN;
  if (header->id >> SDM_ID_VERSION_SHIFT != SDM_ABI_VERSION)
    return SDM_HEADER_VERSION;
  if (header->nports == 0 || header->nports > SDM_NPORTS_MAX)
    return SDM_HEADER_NPORTS;
  if (length < SDM_MEMPORT_BASE + header->nports * SDM_MEMPORT_STRIDE)
    return SDM_HEADER_NPORTS_LENGTH;
  if (header->ntransceivers > SDM_NTRANSCEIVERS_MAX)
    return SDM_HEADER_NTRANSCEIVERS;
  if (header->granule == 0 || (header->granule & (header->granule - 1)) != 0)
    return SDM_HEADER_GRANULE;
  if (header->window_size == 0 || header->window_base + (header->window_size - 1) < header->window_base)
    return SDM_HEADER_WINDOW;
  if (header->remote_size == 0)
    return SDM_HEADER_REMOTE;
  return SDM_HEADER_OK;
}
