/* SPDX-License-Identifier: Apache-2.0 */
#include "format.h"

#include "../abi/memport.h"
#include "mmio.h"

#define BIT(n) ((uint64_t)1 << (n))

void sdm_profile_header(enum sdm_profile profile, struct sdm_header *header) {
  static const struct sdm_header generic = {
      .features = BIT(SDM_FEATURE_TRANSCEIVERS) | BIT(SDM_FEATURE_PASSIVE),
      .nports = SDM_NPORTS_DEFAULT,
      .granule = 0x200000,
      .ntransceivers = 4,
  };
  /* The Zynq UltraScale+'s programmable-logic window and high DDR, as D4.4 uses them. */
  static const struct sdm_header zynq = {
      .features = BIT(SDM_FEATURE_TRANSLATION) | BIT(SDM_FEATURE_TRANSCEIVERS) |
                  BIT(SDM_FEATURE_PASSIVE),
      .nports = SDM_NPORTS_DEFAULT,
      .window_base = 0x400000000,
      .window_size = 0x100000000,
      .remote_size = 0x1000000000,
      .granule = 0x10000000,
      .ntransceivers = 4,
  };

  *header = profile == SDM_PROFILE_ZYNQ ? zynq : generic;
  header->id = SDM_ID_MAGIC | (uint64_t)SDM_ABI_VERSION << SDM_ID_VERSION_SHIFT;
}

void sdm_format(volatile void *block, const struct sdm_header *header) {
  volatile uint8_t *base = block;
  const uint64_t length = SDM_MEMPORT_BASE + header->nports * SDM_MEMPORT_STRIDE;

  sdm_store64(base + SDM_REG_ID, 0);
  sdm_barrier();
  for (uint64_t at = SDM_REG_ID + 8; at < length; at += 8)
    sdm_store64(base + at, 0);
  sdm_store64(base + SDM_REG_FEATURES, header->features);
  sdm_store64(base + SDM_REG_NPORTS, header->nports);
  sdm_store64(base + SDM_REG_WINDOW_BASE, header->window_base);
  sdm_store64(base + SDM_REG_WINDOW_SIZE, header->window_size);
  sdm_store64(base + SDM_REG_REMOTE_SIZE, header->remote_size);
  sdm_store64(base + SDM_REG_GRANULE, header->granule);
  sdm_store64(base + SDM_REG_NTRANSCEIVERS, header->ntransceivers);
  sdm_store64(base + SDM_REG_LINK_STATUS, BIT(header->ntransceivers) - 1);
  sdm_barrier();
  sdm_store64(base + SDM_REG_ID, header->id);
  sdm_barrier();
}
