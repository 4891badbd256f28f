// SPDX-License-Identifier: Apache-2.0
//
// The life of a job: its thread, its promise and its environment end in every order.
#include "../src/napi/thread_job.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../src/bulk.h"
#include "../src/deadline_write.h"
#include "check.h"
#include "fake_node.h"

using sdm::Bulk;
using sdm::ThreadJob;

namespace {

// What becomes of jobs, as the thread of their environment sees it.
struct Fate {
  int settled = 0;
  int released = 0;
  uint64_t told = 0;
};

// As the bulk calls of the addon are made: steps, reports, cancelled from outside.
class BulkJob : public ThreadJob {
 public:
  BulkJob(Bulk::Request request, Fate *fate) : bulk_(std::move(request)), fate_(fate) {}

 protected:
  void Run() override {
    while (!cancelled_.load() && bulk_.Step()) {
      done_.store(bulk_.done());
      Report();
    }
  }
  void Cancel() override { cancelled_.store(true); }
  void Progress(napi_env) override {
    CHECK(done_.load() >= fate_->told);
    fate_->told = done_.load();
  }
  napi_value Settle(napi_env, bool *rejected) override {
    *rejected = bulk_.found();  // what the thread left behind is the environment's by now
    fate_->settled++;
    return reinterpret_cast<napi_value>(this);
  }
  void Release(napi_env) override { fate_->released++; }

 private:
  Bulk bulk_;
  Fate *const fate_;
  std::atomic<bool> cancelled_{false};
  std::atomic<uint64_t> done_{0};
};

class WriteJob : public ThreadJob {
 public:
  WriteJob(const std::string &path, Fate *fate) : write_(path, "x", 1000000000), fate_(fate) {}

 protected:
  void Run() override { written_ = write_.Run(&error_); }
  void Cancel() override { write_.Cancel(); }
  napi_value Settle(napi_env, bool *rejected) override {
    *rejected = !written_;
    fate_->settled++;
    return reinterpret_cast<napi_value>(this);
  }
  void Release(napi_env) override { fate_->released++; }

 private:
  sdm::DeadlineWrite write_;
  Fate *const fate_;
  bool written_ = false;
  sdm::Error error_;
};

Bulk::Request Search(uint64_t length, uint64_t word) {
  sdm::Mapping::Request request;
  request.path = check::MakeFile("pool", length);
  request.length = length;
  sdm::Error error;
  Bulk::Request search;
  search.kind = Bulk::Kind::kFindOther;
  search.target = sdm::Mapping::Open(request, &error);
  search.length = length;
  search.word = word;
  CHECK(search.target != nullptr);
  return search;
}

constexpr uint64_t kSteps = 8;
constexpr uint64_t kLength = kSteps * Bulk::kStepBytes;

}  // namespace

TEST(AJobSettlesAndTellsAllItDid) {
  for (const uint64_t word : {0, 1}) {
    napi_env__ env;
    Fate fate;
    CHECK(ThreadJob::Start(&env, std::make_unique<BulkJob>(Search(kLength, word), &fate), "job") !=
          nullptr);
    env.Run();
    CHECK_EQUAL(fate.settled, 1);
    CHECK_EQUAL(fate.released, 1);
    CHECK_EQUAL(fate.told, word == 0 ? kLength : Bulk::kStepBytes);
    CHECK(env.promises[0]->state ==
          (word == 0 ? napi_deferred__::kResolved : napi_deferred__::kRejected));
    CHECK(env.hooks.empty());
  }
}

TEST(JobsRunBesideEachOther) {
  napi_env__ env;
  Fate fates[8];
  const Bulk::Request request = Search(kLength, 0);
  for (Fate &fate : fates) {
    CHECK(ThreadJob::Start(&env, std::make_unique<BulkJob>(request, &fate), "job") != nullptr);
  }
  env.Run();
  for (const Fate &fate : fates) {
    CHECK_EQUAL(fate.settled, 1);
    CHECK_EQUAL(fate.told, kLength);
  }
}

TEST(AnEnvironmentThatGoesTakesItsJobsAlong) {
  const std::string fifo = check::Scratch() + "/nobody";
  CHECK_EQUAL(mkfifo(fifo.c_str(), 0600), 0);
  for (int round = 0; round < 20; round++) {
    napi_env__ env;
    Fate fate;
    Fate hanging;
    // Longer than it will ever take: 64 GiB of which nothing is there.
    const Bulk::Request endless = Search(uint64_t{1} << 36, 0);
    CHECK(ThreadJob::Start(&env, std::make_unique<BulkJob>(endless, &fate), "job") != nullptr);
    CHECK(ThreadJob::Start(&env, std::make_unique<WriteJob>(fifo, &hanging), "job") != nullptr);
    for (int i = 0; i < round; i++) sched_yield();
    env.TearDown();
    CHECK_EQUAL(fate.settled + hanging.settled, 0);
    CHECK_EQUAL(fate.released, 1);
    CHECK_EQUAL(hanging.released, 1);
    CHECK(env.functions.empty());
  }
}

TEST(AnEnvironmentMayGoBetweenTheEndOfAJobAndItsTurn) {
  for (int round = 0; round < 20; round++) {
    napi_env__ env;
    Fate fate;
    CHECK(ThreadJob::Start(&env, std::make_unique<WriteJob>("/dev/null", &fate), "job") != nullptr);
    for (int i = 0; i < round * 10; i++) sched_yield();
    env.TearDown();
    CHECK_EQUAL(fate.settled, 0);
    CHECK_EQUAL(fate.released, 1);
  }
}

TEST(AJobThatNeverStartedIsReleased) {
  for (const bool pending : {false, true}) {
    napi_env__ env;
    env.exception = pending;
    Fate fate;
    ThreadJob::Drop(&env, std::make_unique<WriteJob>("/dev/null", &fate));
    CHECK_EQUAL(fate.released, 1);
    CHECK_EQUAL(env.exception, pending);
  }
}
