// SPDX-License-Identifier: Apache-2.0
#include "../src/file_range.h"

#include <fcntl.h>
#include <unistd.h>

#include "check.h"

using sdm::CountData;
using sdm::Error;
using sdm::FileRange;
using sdm::Scrub;

namespace {

constexpr uint64_t kPage = 65536;  // whole pages on every machine
constexpr uint64_t kSize = 3 * Scrub::kPunchBytes / 2;

std::shared_ptr<FileRange> Open(const std::string &path, uint64_t offset, uint64_t length) {
  Error error;
  auto range = FileRange::Open(path, offset, length, &error);
  if (range == nullptr) check::Fail(__FILE__, __LINE__, error.message);
  return range;
}

void Write(const std::string &path, uint64_t at, const std::string &text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  CHECK_EQUAL(pwrite(fd, text.data(), text.size(), static_cast<off_t>(at)),
              static_cast<ssize_t>(text.size()));
  close(fd);
}

template <typename Work>
int Run(Work *work) {
  Error error;
  for (int steps = 1;; steps++) {
    const Scrub::Outcome outcome = work->Step(&error);
    if (outcome == Scrub::Outcome::kDone) return steps;
    if (outcome == Scrub::Outcome::kFailed) check::Fail(__FILE__, __LINE__, error.message);
  }
}

uint64_t Data(const std::shared_ptr<FileRange> &range, uint64_t offset, uint64_t length) {
  CountData count(range, offset, length);
  Run(&count);
  return count.bytes();
}

}  // namespace

TEST(RefusesWhatIsNoPartOfAFile) {
  Error error;
  const std::string path = check::MakeFile("pool", kSize);
  CHECK_CODE(FileRange::Open(path + "-not", 0, kPage, &error), error, SDM_NOT_FOUND);
  CHECK_CODE(FileRange::Open(check::Scratch(), 0, kPage, &error), error, SDM_SYSTEM);
  CHECK_CODE(FileRange::Open(path, 0, 0, &error), error, SDM_RANGE);
  CHECK_CODE(FileRange::Open(path, UINT64_MAX - kPage + 1, kPage, &error), error, SDM_RANGE);
  CHECK_CODE(FileRange::Open(path, 0, kSize + kPage, &error), error, SDM_RANGE);
  CHECK_CODE(FileRange::Open(path, 8, kPage, &error), error, SDM_ALIGNMENT);
  CHECK_CODE(FileRange::Open(path, 0, kPage + 8, &error), error, SDM_ALIGNMENT);
  const auto range = Open(path, kPage, 2 * kPage);
  CHECK(range->regular());
  CHECK_CODE(range->Check(0, kPage, &error), error, SDM_RANGE);
  CHECK_CODE(range->Check(2 * kPage, 2 * kPage, &error), error, SDM_RANGE);
  CHECK_CODE(range->Check(kPage, 100, &error), error, SDM_ALIGNMENT);
  CHECK(range->Check(2 * kPage, kPage, &error));
}

TEST(KeepsItsBytesForItself) {
  Error error;
  const std::string path = check::MakeFile("pool", kSize);
  auto first = Open(path, kPage, 2 * kPage);
  CHECK_CODE(FileRange::Open(path, 0, 2 * kPage, &error), error, SDM_LOCKED);
  CHECK_CODE(FileRange::Open(path, 2 * kPage, kPage, &error), error, SDM_LOCKED);
  const auto before = Open(path, 0, kPage);
  const auto after = Open(path, 3 * kPage, kPage);
  first.reset();
  Open(path, kPage, 2 * kPage);
}

TEST(ScrubsAndProves) {
  const std::string path = check::MakeFile("pool", kSize);
  const auto range = Open(path, 0, kSize);
  const uint64_t first = kPage;
  const uint64_t length = kSize - 2 * kPage;
  Write(path, first - 1, "ab");
  Write(path, first + length - 1, "yz");
  Write(path, first + length / 2, std::string(3 * kPage, 'm'));
  CHECK(Data(range, first, length) > 0);
  Scrub scrub(range, first, length);
  CHECK(Run(&scrub) > 3);
  CHECK(!scrub.data());
  CHECK(!scrub.other());
  CHECK(scrub.punched());
  CHECK_EQUAL(Data(range, first, length), uint64_t{0});
  char edges[2];
  CHECK_EQUAL(pread(range->fd(), &edges[0], 1, static_cast<off_t>(first) - 1), ssize_t{1});
  CHECK_EQUAL(pread(range->fd(), &edges[1], 1, static_cast<off_t>(first + length)), ssize_t{1});
  CHECK_EQUAL(std::string(edges, 2), std::string("az"));
}

TEST(FindsWhatIsWrittenWhileItLooks) {
  const std::string path = check::MakeFile("pool", kSize);
  const auto range = Open(path, 0, kSize);
  Scrub scrub(range, 0, kSize);
  Error error;
  CHECK(scrub.Step(&error) == Scrub::Outcome::kMore);
  CHECK(scrub.Step(&error) == Scrub::Outcome::kMore);
  const uint64_t at = 5 * kPage + 17;
  Write(path, at, "x");
  Run(&scrub);
  CHECK(scrub.data());
  CHECK(scrub.data_at() <= at);
  CHECK(scrub.other());
  CHECK_EQUAL(scrub.other_at(), at);
}

TEST(FailsWhereTheFileIsCut) {
  const std::string path = check::MakeFile("pool", kSize);
  const auto range = Open(path, 0, kSize);
  CHECK_EQUAL(truncate(path.c_str(), kPage), 0);
  Scrub scrub(range, 0, kSize);
  Error error;
  Scrub::Outcome outcome;
  do outcome = scrub.Step(&error);
  while (outcome == Scrub::Outcome::kMore);
  CHECK(outcome == Scrub::Outcome::kFailed);
  CHECK_EQUAL(std::string(error.syscall), std::string("pread"));
}
