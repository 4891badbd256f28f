// SPDX-License-Identifier: Apache-2.0
//
// The part of an execution that programs memports.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <functional>

#include "../abi/memport.h"
#include "reached.h"
#include "session.h"

namespace {

// While it is set, this thread's clock is not the system's: every look at it calls this, and is a
// millisecond.
thread_local const std::function<void()> *on_look = nullptr;
thread_local uint64_t clock_ms = 0;

}  // namespace

extern "C" int clock_gettime(clockid_t clock, struct timespec *now) noexcept {
  if (on_look == nullptr) return static_cast<int>(syscall(SYS_clock_gettime, clock, now));
  (*on_look)();
  clock_ms++;
  now->tv_sec = static_cast<time_t>(clock_ms / 1000);
  now->tv_nsec = static_cast<long>(clock_ms % 1000 * 1000000);
  return 0;
}

namespace fuzz {

namespace {

uint64_t OffsetOf(uint64_t start, uint64_t remote) {
  return remote >= start ? remote - start : (start - remote) | uint64_t{1} << SDM_OFFSET_SIGN_BIT;
}

}  // namespace

// Moves the range to where something begins or ends, or one or two beside it.
void Session::AtAnEdge(Entry *entry) {
  const sdm_header &header = block_->header();
  const uint8_t edge = input_.U8();
  const uint64_t step = (edge & 128) != 0 ? header.granule : 1;
  const uint64_t delta = (static_cast<uint64_t>(input_.U8() % 5) - 2) * step;
  const size_t other = 0x200 + input_.U16() % header.nports * 8;
  const bool there = other + 8 <= file_.size / 8;
  const uint64_t size = entry->end - entry->start + 1;
  uint64_t remote = entry->start - header.window_base;
  switch (edge & 127) {
    case 0:
      entry->start = (there ? file_.view[other + 1] + 1 : 0) + delta;
      break;
    case 1:
      entry->start = (there ? file_.view[other] : 0) - size + delta;
      break;
    case 2:
      remote = header.remote_size - size + delta;
      break;
    case 3:
      entry->start = header.window_base + header.window_size - size + delta;
      break;
    case 4:
      entry->start = header.window_base + delta;
      break;
    case 5:
      entry->start = 0 - size + delta;
      break;
    default:
      remote = header.granule + delta;
  }
  entry->end = entry->start + size - 1;
  entry->offset = OffsetOf(entry->start, remote);
}

Entry Session::ReadEntry(bool may_set) {
  const sdm_header &header = block_->header();
  const uint8_t shape = input_.U8();
  Entry entry = {};
  entry.port = (shape & 1) != 0 ? input_.U64() : input_.U16() % header.nports;
  entry.set = (shape & 2) != 0 ? input_.U64() : may_set && (shape & 4) == 0;
  if ((shape & 8) != 0) {
    entry.start = input_.U64();
    entry.end = input_.U64();
    entry.offset = input_.U64();
    entry.out_id = input_.U64();
  } else {
    const uint16_t first = input_.U16();
    entry.start = header.window_base + first % 1024 * header.granule;
    entry.end = entry.start + (input_.U8() % 8 + 1) * header.granule - 1;
    const uint16_t to = input_.U16();
    const uint64_t remote = (shape & 16) != 0 ? entry.start - header.window_base : to * header.granule;
    entry.offset = OffsetOf(entry.start, remote);
    entry.out_id = input_.U8();
  }
  if ((shape & 64) != 0) AtAnEdge(&entry);
  if ((shape & 32) != 0) {  // nearly right
    uint64_t *const fields[] = {&entry.start, &entry.end, &entry.offset, &entry.out_id};
    *fields[input_.U8() % 4] += static_cast<uint64_t>(static_cast<int8_t>(input_.U8()));
  }
  entry.in_id = entry.out_id ^ 1;
  return entry;
}

void Session::Program(bool may_set) {
  std::vector<Entry> entries(input_.U8() % 4 + 1);
  std::vector<uint64_t> staging;
  size_t first_invalid = entries.size();
  for (size_t i = 0; i < entries.size(); i++) {
    Entry &e = entries[i] = ReadEntry(may_set);
    for (const uint64_t word : {e.port, e.start, e.end, e.offset, e.out_id, e.in_id, e.set}) {
      staging.push_back(word);
    }
    staging.push_back(99);
    if (first_invalid == entries.size() && (e.port >= block_->nports() || e.set > 1)) first_invalid = i;
  }
  const uint32_t count = static_cast<uint32_t>(entries.size());
  if (block_->FirstInvalid(staging.data(), count) != first_invalid) {
    Broken("an entry that names no memport, or no SET, passes");
  }
  if (first_invalid != count) Count(Reach::kInvalid);
  // Those that do not pass are programmed all the same: they may change after the check.
  if (block_->passive()) {
    ProgramPassive(entries, &staging);
  } else {
    ProgramLogic(entries, &staging);
  }
}

void Session::ProgramPassive(const std::vector<Entry> &entries, std::vector<uint64_t> *staging) {
  Model model = {file_.Words(), block_->header(), options_.check_alignment};
  const uint32_t count = static_cast<uint32_t>(entries.size());
  const uint32_t failed = block_->Program(staging->data(), count, 0);
  uint32_t expected_failed = 0;
  for (size_t i = 0; i < entries.size(); i++) {
    const Entry &entry = entries[i];
    const uint64_t expected = model.Program(entry);
    const uint64_t status = (*staging)[i * sdm::kStagingWords + sdm::kStatus];
    if (status != expected) {
      Broken("STATUS of entry " + std::to_string(i) + " is " + std::to_string(status) + ", not " +
             std::to_string(expected));
    }
    expected_failed += !model.Valid(entry) || expected != entry.set;
    CountStatus(status);
  }
  if (failed != expected_failed) Broken("another number of entries failed");
  if (model.words != file_.Words()) Broken("programming left another block behind");
}

// What the logic behind a block does while it is waited for.
void Session::LogicTurn(std::vector<bool> *touched) {
  const uint8_t what = input_.U8() % 8;
  size_t word = input_.U16();
  uint64_t value = 0;
  if (what < 6) {
    const uint64_t port = word % block_->nports();
    word = 0x200 + port * 8 + SDM_MEMPORT_STATUS / 8;
    value = what < 2   ? file_.view[word - 1]  // as SET says
            : what < 4 ? SDM_STATUS_RANGE + input_.U8() % 8
                       : input_.U64();
  } else if (what == 6) {
    value = input_.U64();
  } else {
    return;
  }
  if (word >= touched->size()) return;
  file_.view[word] = value;
  (*touched)[word] = true;
}

void Session::ProgramLogic(const std::vector<Entry> &entries, std::vector<uint64_t> *staging) {
  Model model = {file_.Words(), block_->header(), true};
  std::vector<bool> touched(model.words.size());
  for (const Entry &entry : entries) {
    if (!model.Valid(entry)) continue;
    for (size_t i = 0; i < 8; i++) touched[0x200 + entry.port * 8 + i] = i < 6;
  }
  const uint64_t deadline_ms = input_.U8();
  uint64_t looks = 0;
  const std::function<void()> look = [this, &touched, &looks] {
    looks++;
    if (!input_.empty()) LogicTurn(&touched);
  };
  on_look = &look;
  const uint32_t count = static_cast<uint32_t>(entries.size());
  const uint32_t failed = block_->Program(staging->data(), count, static_cast<double>(deadline_ms));
  on_look = nullptr;
  // Each memport may be waited for twice: until it is not busy from before, and for its answer.
  if (looks > deadline_ms + 2 + 2 * count) Broken("programming waits beyond its deadline");
  uint32_t expected_failed = 0;
  for (size_t i = 0; i < entries.size(); i++) {
    const uint64_t status = (*staging)[i * sdm::kStagingWords + sdm::kStatus];
    const bool valid = model.Valid(entries[i]);
    expected_failed += !valid || status != entries[i].set;
    if (!valid && status != SDM_STATUS_RANGE) Broken("an entry without a memport has a STATUS");
    if (valid && status != entries[i].set && status != SDM_STATUS_BUSY && status < SDM_STATUS_RANGE) {
      Broken("STATUS " + std::to_string(status) + " was taken for an answer");
    }
    Count(status == SDM_STATUS_BUSY ? Reach::kBusy : Reach::kAnswered);
  }
  if (failed != expected_failed) Broken("another number of entries failed");
  const std::vector<uint64_t> after = file_.Words();
  for (size_t i = 0; i < after.size(); i++) {
    if (!touched[i] && after[i] != model.words[i]) Broken("a word of another memport changed");
  }
}

}  // namespace fuzz
