// SPDX-License-Identifier: Apache-2.0
#include "../src/bulk.h"

#include <string.h>
#include <unistd.h>

#include <vector>

#include "check.h"

using sdm::Bulk;
using sdm::Error;
using sdm::Mapping;

namespace {

constexpr uint64_t kLength = 3 * Bulk::kStepBytes + 4096 + 8;

std::shared_ptr<Mapping> Map(const std::string &path, uint64_t length, bool writable = true,
                             uint64_t offset = 0) {
  Mapping::Request request;
  request.path = path;
  request.length = length;
  request.writable = writable;
  request.offset = offset;
  Error error;
  auto mapping = Mapping::Open(request, &error);
  if (mapping == nullptr) check::Fail(__FILE__, __LINE__, error.message);
  return mapping;
}

// Normal memory and, as far as the addon knows, a device: both ways through each loop.
std::vector<std::shared_ptr<Mapping>> BothKinds() {
  const std::shared_ptr<Mapping> normal = Map(check::MakeFile("pool", kLength), kLength);
  const std::shared_ptr<Mapping> device = Map("/dev/zero", kLength);
  CHECK(!normal->device());
  CHECK(device->device());
  return {normal, device};
}

Bulk Run(Bulk::Request request) {
  Error error;
  if (!Bulk::Check(request, &error)) check::Fail(__FILE__, __LINE__, error.message);
  Bulk bulk(request);
  uint64_t before = 0;
  while (bulk.Step()) {
    CHECK(bulk.done() > before && bulk.done() - before <= Bulk::kStepBytes);
    before = bulk.done();
  }
  return bulk;
}

Bulk::Request On(const std::shared_ptr<Mapping> &mapping, Bulk::Kind kind, uint64_t word = 0) {
  Bulk::Request request;
  request.kind = kind;
  request.target = mapping;
  request.length = mapping->length();
  request.word = word;
  return request;
}

uint64_t *Words(const std::shared_ptr<Mapping> &mapping) {
  return reinterpret_cast<uint64_t *>(mapping->data());
}

uint64_t Checksum(const std::vector<uint64_t> &words) {
  const std::string path = check::WriteFile(
      "sum", std::string(reinterpret_cast<const char *>(words.data()), words.size() * 8));
  return Run(On(Map(path, words.size() * 8, false), Bulk::Kind::kChecksum)).digest();
}

}  // namespace

TEST(MappingsAreChecked) {
  Mapping::Request request;
  Error error;
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  request.path = check::MakeFile("file", 2 * page);
  const auto refused = [&request, &error](uint64_t offset, uint64_t length) {
    request.offset = offset;
    request.length = length;
    if (Mapping::Open(request, &error) != nullptr) return std::string("mapped");
    return std::string(sdm::CodeName(error.code));
  };
  CHECK_EQUAL(refused(0, 2 * page), std::string("mapped"));
  CHECK_EQUAL(refused(page, page), std::string("mapped"));
  CHECK_EQUAL(refused(8, 8), std::string("SDM_ALIGNMENT"));
  CHECK_EQUAL(refused(0, 7), std::string("SDM_ALIGNMENT"));
  CHECK_EQUAL(refused(0, 0), std::string("SDM_RANGE"));
  CHECK_EQUAL(refused(0, 2 * page + 8), std::string("SDM_RANGE"));
  CHECK_EQUAL(refused(2 * page, 8), std::string("SDM_RANGE"));
  CHECK_EQUAL(refused(page, UINT64_MAX - 7), std::string("SDM_RANGE"));
  CHECK_EQUAL(refused(UINT64_MAX - page + 1, page), std::string("SDM_RANGE"));
  request.path = check::Scratch();
  CHECK_EQUAL(refused(0, 8), std::string("SDM_INPUT"));
  request.path += "/none";
  CHECK_EQUAL(refused(0, 8), std::string("SDM_NOT_FOUND"));
}

TEST(FillAndFind) {
  for (const auto &mapping : BothKinds()) {
    Run(On(mapping, Bulk::Kind::kFill, 0x1122334455667788));
    const size_t words = mapping->length() / 8;
    for (size_t i = 0; i < words; i++) {
      if (Words(mapping)[i] != 0x1122334455667788) {
        CHECK_EQUAL(i, size_t{SIZE_MAX});
        break;
      }
    }
    CHECK(!Run(On(mapping, Bulk::Kind::kFindOther, 0x1122334455667788)).found());
    for (const size_t at : {size_t{0}, size_t{511}, size_t{512}, words / 2, words - 1}) {
      Words(mapping)[at] ^= 1;
      const Bulk bulk = Run(On(mapping, Bulk::Kind::kFindOther, 0x1122334455667788));
      CHECK(bulk.found());
      CHECK_EQUAL(bulk.position(), uint64_t{at * 8});
      Words(mapping)[at] ^= 1;
    }
  }
}

TEST(FillKeepsToItsRange) {
  for (const auto &mapping : BothKinds()) {
    Bulk::Request request = On(mapping, Bulk::Kind::kFill, UINT64_MAX);
    request.offset = 4096;
    request.length = 16;
    Run(request);
    CHECK_EQUAL(Words(mapping)[511], uint64_t{0});
    CHECK_EQUAL(Words(mapping)[512], UINT64_MAX);
    CHECK_EQUAL(Words(mapping)[513], UINT64_MAX);
    CHECK_EQUAL(Words(mapping)[514], uint64_t{0});
    request.length = 0;
    CHECK_EQUAL(Run(request).done(), uint64_t{0});
  }
}

TEST(CopyAndCompare) {
  const auto kinds = BothKinds();
  for (size_t i = 0; i < kLength / 8; i++) Words(kinds[0])[i] = i * 0x9E3779B97F4A7C15;
  for (const auto &target : {kinds[1], Map(check::MakeFile("other", kLength), kLength)}) {
    Bulk::Request copy = On(target, Bulk::Kind::kCopy);
    copy.other = kinds[0];
    copy.other_offset = 8;
    copy.length = kLength - 8;
    Run(copy);
    CHECK_EQUAL(memcmp(target->data(), kinds[0]->data() + 8, kLength - 8), 0);
    Bulk::Request compare = copy;
    compare.kind = Bulk::Kind::kCompare;
    CHECK(!Run(compare).found());
    for (const uint64_t at : {uint64_t{0}, uint64_t{7}, uint64_t{4099}, kLength - 9}) {
      target->data()[at] ^= 0x80;
      const Bulk bulk = Run(compare);
      CHECK(bulk.found());
      CHECK_EQUAL(bulk.position(), at);
      target->data()[at] ^= 0x80;
    }
  }
}

TEST(RangesAreChecked) {
  const auto mapping = Map(check::MakeFile("pool", 4096), 4096);
  const auto reading = Map(check::MakeFile("other", 4096), 4096, false);
  Error error;
  Bulk::Request request = On(mapping, Bulk::Kind::kFill);
  request.offset = 4;
  CHECK_CODE(Bulk::Check(request, &error), error, SDM_ALIGNMENT);
  request.offset = 8;
  CHECK_CODE(Bulk::Check(request, &error), error, SDM_RANGE);
  request.length = UINT64_MAX - 7;
  CHECK_CODE(Bulk::Check(request, &error), error, SDM_RANGE);
  request.offset = 4104;
  request.length = 0;
  CHECK_CODE(Bulk::Check(request, &error), error, SDM_RANGE);
  CHECK_CODE(Bulk::Check(On(reading, Bulk::Kind::kFill), &error), error, SDM_READ_ONLY);
  CHECK(Bulk::Check(On(reading, Bulk::Kind::kChecksum), &error));
  Bulk::Request copy = On(mapping, Bulk::Kind::kCopy);
  copy.other = reading;
  CHECK(Bulk::Check(copy, &error));
  copy.other_offset = 8;
  CHECK_CODE(Bulk::Check(copy, &error), error, SDM_RANGE);
  copy.other = mapping;
  copy.length = 16;
  CHECK_CODE(Bulk::Check(copy, &error), error, SDM_INPUT);
  copy.other_offset = 16;
  CHECK(Bulk::Check(copy, &error));
}

TEST(ChecksumIsXxh64) {
  // From the reference implementation (xxhsum -H64) over these words, little-endian.
  CHECK_EQUAL(Checksum({0}), uint64_t{0x34C96ACDCADB1BBB});
  CHECK_EQUAL(Checksum({0, 0, 0}), uint64_t{0xBB3302E8A9608868});
  std::vector<uint64_t> counting;
  for (uint64_t i = 0; i < 1003; i++) counting.push_back(i);
  CHECK_EQUAL(Checksum(counting), uint64_t{0xC16830648A2DB2A9});
  counting.resize(4);
  CHECK_EQUAL(Checksum(counting), uint64_t{0xD5FE80BD05F87C8E});
}

TEST(ChecksumDoesNotDependOnSteps) {
  const auto kinds = BothKinds();
  for (const auto &mapping : kinds) {
    for (size_t i = 0; i < kLength / 8; i++) Words(mapping)[i] = i * i;
  }
  const uint64_t whole = Run(On(kinds[0], Bulk::Kind::kChecksum)).digest();
  CHECK_EQUAL(Run(On(kinds[1], Bulk::Kind::kChecksum)).digest(), whole);
  sdm::Xxh64 once;
  once.Update(kLength / 8, [&kinds](size_t i) { return Words(kinds[0])[i]; });
  CHECK_EQUAL(once.Digest(), whole);
}
