// SPDX-License-Identifier: Apache-2.0
#include "guard.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(address, size) (static_cast<void>(address), static_cast<void>(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) (static_cast<void>(address), static_cast<void>(size))
#endif

namespace fuzz {
namespace {

constexpr size_t kPage = 4096;

thread_local bool guarding = false;
// The mapping that was made last.
thread_local uint8_t *guarded = nullptr;
thread_local size_t guarded_pages = 0;

size_t Pages(size_t length) { return (length + kPage - 1) & ~(kPage - 1); }

void *Map(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  return reinterpret_cast<void *>(
      syscall(SYS_mmap, address, length, protection, flags, fd, offset));
}

void *MapGuarded(size_t length, int protection, int flags, int fd, off_t offset) {
  const size_t whole = Pages(length) + 2 * kPage;
  void *const space = Map(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (space == MAP_FAILED) return space;
  uint8_t *const inner = static_cast<uint8_t *>(space) + kPage;
  if (Map(inner, length, protection, flags | MAP_FIXED, fd, offset) == MAP_FAILED) {
    const int number = errno;
    syscall(SYS_munmap, space, whole);
    errno = number;
    return MAP_FAILED;
  }
  guarded = inner;
  guarded_pages = Pages(length);
  KeepTo(length);
  return inner;
}

}  // namespace

Guarded::Guarded() { guarding = true; }
Guarded::~Guarded() { guarding = false; }

void KeepTo(size_t length) {
  ASAN_UNPOISON_MEMORY_REGION(guarded, length);
  ASAN_POISON_MEMORY_REGION(guarded + length, guarded_pages - length);
}

}  // namespace fuzz

// In place of the C library's: the code that is tested calls these.
extern "C" void *mmap(void *address, size_t length, int protection, int flags, int fd,
                      off_t offset) noexcept {
  if (!fuzz::guarding || fd < 0) return fuzz::Map(address, length, protection, flags, fd, offset);
  return fuzz::MapGuarded(length, protection, flags, fd, offset);
}

extern "C" int munmap(void *address, size_t length) noexcept {
  uint8_t *const start = static_cast<uint8_t *>(address);
  if (start == nullptr || start != fuzz::guarded) {
    return static_cast<int>(syscall(SYS_munmap, address, length));
  }
  fuzz::KeepTo(fuzz::guarded_pages);
  fuzz::guarded = nullptr;
  const size_t whole = fuzz::guarded_pages + 2 * fuzz::kPage;
  return static_cast<int>(syscall(SYS_munmap, start - fuzz::kPage, whole));
}
