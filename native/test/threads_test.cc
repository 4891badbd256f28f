// SPDX-License-Identifier: Apache-2.0
//
// What threads share below the Node-API: mappings, bulk work, deadlines. Above all for
// ThreadSanitizer.
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "../src/bulk.h"
#include "../src/deadline_write.h"
#include "../src/thread.h"
#include "check.h"

using sdm::Bulk;
using sdm::DeadlineWrite;
using sdm::Error;
using sdm::Mapping;

namespace {

constexpr uint64_t kLength = 4 * Bulk::kStepBytes;
constexpr int kThreads = 4;

std::shared_ptr<Mapping> Map(const std::string &path) {
  Mapping::Request request;
  request.path = path;
  request.length = kLength;
  request.writable = true;
  Error error;
  auto mapping = Mapping::Open(request, &error);
  if (mapping == nullptr) check::Fail(__FILE__, __LINE__, error.message);
  return mapping;
}

Bulk Whole(Bulk::Kind kind, std::shared_ptr<Mapping> target, uint64_t word = 0) {
  Bulk::Request request;
  request.kind = kind;
  request.length = target->length();
  request.target = std::move(target);
  request.word = word;
  return Bulk(std::move(request));
}

// Threads that are joined in the end, come what may.
class Threads {
 public:
  ~Threads() { Join(); }
  void Start(std::function<void()> run) {
    pthread_t thread;
    CHECK_EQUAL(sdm::StartThread(&thread, std::move(run)), 0);
    threads_.push_back(thread);
  }
  void Join() {
    for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
    threads_.clear();
  }

 private:
  std::vector<pthread_t> threads_;
};

}  // namespace

TEST(ManyReadOneMappingThatItsOwnerGivesUp) {
  auto mapping = Map(check::MakeFile("pool", kLength));
  Bulk fill = Whole(Bulk::Kind::kFill, mapping, 0x1234567890abcdef);
  while (fill.Step()) {
  }
  std::atomic<int> found{0};
  uint64_t digests[kThreads] = {};
  Threads threads;
  for (uint64_t &digest : digests) {
    threads.Start([&found, &digest, mapping] {
      Bulk find = Whole(Bulk::Kind::kFindOther, mapping, 0x1234567890abcdef);
      Bulk sum = Whole(Bulk::Kind::kChecksum, mapping);
      while (find.Step() | sum.Step()) {
      }
      found += find.found();
      digest = sum.digest();
    });
  }
  mapping.reset();
  threads.Join();
  CHECK_EQUAL(found.load(), 0);
  for (const uint64_t digest : digests) CHECK_EQUAL(digest, digests[0]);
}

TEST(ManyWriteBesideEachOther) {
  const auto mapping = Map(check::MakeFile("pool", kLength));
  Threads threads;
  for (uint64_t i = 0; i < kThreads; i++) {
    threads.Start([mapping, i] {
      Bulk::Request request;
      request.kind = Bulk::Kind::kFill;
      request.target = mapping;
      // Not in steps of cache lines or pages: what one writes must not be a part of another's.
      request.offset = i * (kLength / kThreads - 8);
      request.length = kLength / kThreads - 8;
      request.word = i + 1;
      Bulk fill(request);
      while (fill.Step()) {
      }
    });
  }
  threads.Join();
  const uint64_t *const words = reinterpret_cast<const uint64_t *>(mapping->data());
  const size_t each = kLength / kThreads / 8 - 1;
  size_t wrong = 0;
  for (size_t i = 0; i < each * kThreads; i++) wrong += words[i] != i / each + 1;
  CHECK_EQUAL(wrong, size_t{0});
  CHECK_EQUAL(words[each * kThreads], uint64_t{0});
}

TEST(WritesAreCancelledFromOtherThreadsAtAnyMoment) {
  const std::string fifo = check::Scratch() + "/full";
  CHECK_EQUAL(mkfifo(fifo.c_str(), 0600), 0);
  const int held = open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  char page[4096] = {};
  while (write(held, page, sizeof(page)) > 0) {
  }
  for (int round = 0; round < 20; round++) {
    DeadlineWrite hangs(fifo, "x", 1000000000);
    DeadlineWrite ends("/dev/null", "x", 1000000000);
    Error hung;
    Error error;
    bool written = true;
    Threads threads;
    threads.Start([&hangs, &hung, &written] { written = hangs.Run(&hung); });
    threads.Start([&ends, &error] { ends.Run(&error); });
    for (int i = 0; i < kThreads; i++) {
      threads.Start([&hangs, &ends] {
        hangs.Cancel();
        ends.Cancel();
      });
    }
    threads.Join();
    CHECK(!written);
    CHECK_EQUAL(std::string(sdm::CodeName(hung.code)), std::string("SDM_TIMEOUT"));
  }
  close(held);
}
