/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses to registers: one aligned 64-bit load or store each, never torn, merged or moved.
 * On arm64 the instruction is spelled out, since a compiler may choose a form (a pair, write-back)
 * that a hypervisor cannot decode for MMIO.
 */
#ifndef SDM_MMIO_H
#define SDM_MMIO_H

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "A register block is little-endian and this code does not swap"
#endif

static inline uint64_t sdm_load64(const volatile void *address) {
#if defined(__aarch64__)
  uint64_t value;
  __asm__ __volatile__("ldr %0, %1" : "=r"(value) : "Q"(*(const volatile uint64_t *)address));
  return value;
#else
  return *(const volatile uint64_t *)address;
#endif
}

static inline void sdm_store64(volatile void *address, uint64_t value) {
#if defined(__aarch64__)
  __asm__ __volatile__("str %1, %0" : "=Q"(*(volatile uint64_t *)address) : "r"(value));
#else
  *(volatile uint64_t *)address = value;
#endif
}

/* Everything before it is seen before anything after it, by devices too. */
static inline void sdm_barrier(void) {
#if defined(__aarch64__)
  __asm__ __volatile__("dmb sy" ::: "memory");
#else
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* For loops that wait for a register to change. */
static inline void sdm_relax(void) {
#if defined(__aarch64__)
  __asm__ __volatile__("yield" ::: "memory");
#elif defined(__x86_64__)
  __asm__ __volatile__("pause" ::: "memory");
#else
  __asm__ __volatile__("" ::: "memory");
#endif
}

#endif /* SDM_MMIO_H */
