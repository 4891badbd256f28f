// SPDX-License-Identifier: Apache-2.0
//
// Register blocks in files, and the other side of one, for tests.
#ifndef SDM_BLOCK_FILES_H
#define SDM_BLOCK_FILES_H

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "../abi/memport.h"
#include "../src/mmio.h"
#include "../src/registers.h"
#include "../src/thread.h"
#include "check.h"

namespace check {

inline sdm::Source FileSource(const std::string &path) {
  sdm::Source source;
  source.path = path;
  return source;
}

inline sdm::FormatRequest Zynq() {
  sdm::FormatRequest request;
  sdm_profile_header(SDM_PROFILE_ZYNQ, &request.header);
  return request;
}

inline sdm::Source Formatted(const sdm::FormatRequest &request) {
  const sdm::Source source = FileSource(MakeFile("registers", SDM_BLOCK_MAX));
  sdm::Error error;
  sdm_header header;
  if (!FormatBlock(source, request, &header, &error)) {
    Fail(__FILE__, __LINE__, error.message);
  }
  return source;
}

// The other side of a block: what a device with logic does.
class Device {
 public:
  explicit Device(const std::string &path) {
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    base_ = static_cast<uint8_t *>(
        mmap(nullptr, SDM_BLOCK_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    close(fd);
  }
  ~Device() {
    Stop();
    munmap(base_, SDM_BLOCK_MAX);
  }
  uint64_t Load(size_t offset) const { return sdm_load64(base_ + offset); }
  void Store(size_t offset, uint64_t value) { sdm_store64(base_ + offset, value); }
  static size_t Port(uint32_t port, size_t reg) {
    return SDM_MEMPORT_BASE + port * SDM_MEMPORT_STRIDE + reg;
  }

  // Answers a write to SET of memport 0 after `busy` looks at it.
  void Answer(uint64_t status, int busy) {
    Store(Port(0, SDM_MEMPORT_STATUS), SDM_STATUS_BUSY);
    sdm::StartThread(&thread_, [this, status, busy] {
      int seen = 0;
      while (!stop_.load()) {
        sched_yield();
        if (Load(Port(0, SDM_MEMPORT_SET)) == 1 && ++seen > busy) {
          Store(Port(0, SDM_MEMPORT_STATUS), status);
          return;
        }
        // Busy from before is over.
        if (seen == 0) Store(Port(0, SDM_MEMPORT_STATUS), 0);
      }
    });
    running_ = true;
  }
  void Stop() {
    stop_.store(true);
    if (running_) pthread_join(thread_, nullptr);
    running_ = false;
  }

 private:
  uint8_t *base_;
  pthread_t thread_;
  bool running_ = false;
  std::atomic<bool> stop_{false};
};

// Stages entry: a range of 256 MiB from `start`, to 16 GiB above it.
inline void Stage(uint64_t *entry, uint64_t port, uint64_t start, uint64_t set) {
  const uint64_t words[] = {port, start, start + 0xfffffff, 0x400000000, port, port, set, 99};
  for (size_t i = 0; i < sdm::kStagingWords; i++) entry[i] = words[i];
}

}  // namespace check

#endif  // SDM_BLOCK_FILES_H
