// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../abi/memport.h"
#include "guard.h"
#include "reached.h"

using sdm::Error;
using sdm::RegisterBlock;

namespace fuzz {
namespace {

constexpr size_t kMostOps = 64;
constexpr size_t kHeaderBytes = 0x100;
// Of the file, and more than a block can have.
constexpr size_t kMostFile = 2 * SDM_BLOCK_MAX;

}  // namespace

File::File() : fd_(memfd_create("block", MFD_CLOEXEC)) {
  view = static_cast<uint64_t *>(
      mmap(nullptr, kMostFile, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0));
  if (fd_ < 0 || view == MAP_FAILED) Broken("a file in memory cannot be made");
  path = "/proc/self/fd/" + std::to_string(fd_);
}

void File::Reset(size_t bytes) {
  if (ftruncate(fd_, 0) != 0 || ftruncate(fd_, static_cast<off_t>(bytes)) != 0) {
    Broken("the file cannot be resized");
  }
  size = bytes;
}

void Session::Run() {
  const uint8_t flags = input_.U8();
  const uint8_t how_long = input_.U8();
  const uint16_t odd = input_.U16();
  const uint16_t ports = input_.U16() % (SDM_NPORTS_MAX + 1);
  input_.U16();  // so that the words of the block are words of the input
  options_.has_window_base = (flags & 1) != 0;
  options_.writable = (flags & 2) == 0;
  options_.check_alignment = (flags & 4) == 0;
  options_.window_base = input_.U64();
  const size_t whole = SDM_MEMPORT_BASE + ports * SDM_MEMPORT_STRIDE;
  // Mostly as long as it should be or longer, sometimes of any length.
  file_.Reset(how_long < 128 ? whole : how_long < 224 ? SDM_BLOCK_MAX : odd % kMostFile);
  Image(0, kHeaderBytes);
  Image(SDM_MEMPORT_BASE, ports * SDM_MEMPORT_STRIDE);
  Open();
  for (size_t op = 0; op < kMostOps && !input_.empty(); op++) Step();
}

void Session::Image(size_t at, size_t bytes) {
  if (at >= file_.size) return;
  uint8_t *const block = reinterpret_cast<uint8_t *>(file_.view);
  input_.Bytes(block + at, bytes < file_.size - at ? bytes : file_.size - at);
}

void Session::Step() {
  const uint8_t op = input_.U8() % 16;
  if (op == 15) return Format();
  if (op == 14) return Open();
  if (op == 13 || op == 12) return Scribble();
  if (block_ == nullptr) return;
  if (op == 11) return CheckSnapshot();
  if (op == 10) return Read();
  if (!block_->writable()) return;  // the addon refuses the rest
  if (op == 9) {
    const uint64_t epoch = input_.U64();
    block_->WriteEpoch(epoch);
    if (file_.view[SDM_REG_EPOCH / 8] != epoch) Broken("EPOCH is another one");
    return;
  }
  if (op == 8) return ResetLink();
  Program(op < 6);
}

void Session::Open() {
  block_.reset();
  sdm_header header = {};
  if (file_.size >= SDM_MEMPORT_BASE) sdm_header_read(file_.view, &header);
  if (options_.has_window_base && (header.features >> SDM_FEATURE_PASSIVE & 1) != 0 &&
      header.window_base == 0) {
    header.window_base = options_.window_base;
  }
  sdm::Source source;
  source.path = file_.path;
  Error error;
  {
    const Guarded guarded;
    block_ = RegisterBlock::Open(source, options_, &error);
  }
  const uint64_t bytes = file_.size < SDM_BLOCK_MAX ? file_.size : SDM_BLOCK_MAX;
  const bool may = file_.size >= 0x1040 && Model::MayOpen(header, bytes & ~uint64_t{7});
  if ((block_ != nullptr) != may) {
    Broken(may ? "not opened: " + error.message : "opened a block with a header that cannot be");
  }
  Count(may ? Reach::kOpened : Reach::kRefusedOpen);
  if (!may) return;
  if (memcmp(&block_->header(), &header, sizeof(header)) != 0) Broken("the header is another one");
  KeepTo(SDM_MEMPORT_BASE + block_->nports() * SDM_MEMPORT_STRIDE);
}

void Session::Format() {
  sdm::FormatRequest request;
  const uint8_t flags = input_.U8();
  sdm_profile_header((flags & 1) != 0 ? SDM_PROFILE_ZYNQ : SDM_PROFILE_GENERIC, &request.header);
  request.force = (flags & 2) != 0;
  // As many as there is room for, or any number.
  request.header.nports = (flags & 4) != 0 ? input_.U16()
                          : file_.size < SDM_MEMPORT_BASE
                              ? 0
                              : (file_.size - SDM_MEMPORT_BASE) / SDM_MEMPORT_STRIDE % SDM_NPORTS_MAX;
  if ((flags & 8) != 0) request.header.ntransceivers = input_.U8();
  if ((flags & 16) != 0) request.header.window_base = input_.U64();
  if ((flags & 32) == 0) {
    request.header.window_size = request.header.remote_size = uint64_t{1} << 32;
  } else {
    request.header.window_size = input_.U64();
    request.header.remote_size = input_.U64();
    request.header.granule = input_.U64();
  }
  block_.reset();
  const std::vector<uint64_t> before = file_.Words();
  sdm::Source source;
  source.path = file_.path;
  Error error;
  sdm_header header = {};
  const Guarded guarded;
  const bool done = FormatBlock(source, request, &header, &error);
  Count(done ? Reach::kFormatted : Reach::kRefusedFormat);
  const std::vector<uint64_t> after = file_.Words();
  if (!done && after != before) Broken("a refused format changed the block");
  if (!done) return;
  if (before[0] != 0 && !request.force) Broken("what was there was formatted over");
  if (memcmp(&header, &request.header, sizeof(header)) != 0) Broken("formatted as something else");
  for (size_t i = 0x200; i < 0x200 + header.nports * 8; i++) {
    if (after[i] != 0) Broken("a memport of a block that was just formatted is not clear");
  }
  options_.writable = true;
  Open();
  // With a base that is given the window may leave the 64-bit space.
  if (block_ == nullptr && !options_.has_window_base) Broken("what was formatted cannot be opened");
}

void Session::Read() {
  const size_t at = input_.U16() % (block_->length() / 8) * 8;
  KeepTo(block_->length());
  const uint64_t word = block_->Read(at);
  KeepTo(SDM_MEMPORT_BASE + block_->nports() * SDM_MEMPORT_STRIDE);
  if (word != file_.view[at / 8]) Broken("a register reads as another one");
}

void Session::ResetLink() {
  if (block_->header().ntransceivers == 0) return;
  const unsigned link = input_.U8() % static_cast<unsigned>(block_->header().ntransceivers);
  const uint64_t before = file_.view[SDM_REG_LINK_RESET / 8];
  block_->ResetLink(link);
  if (file_.view[SDM_REG_LINK_RESET / 8] != (before | uint64_t{1} << link)) {
    Broken("LINK_RESET is another one");
  }
}

void Session::CheckSnapshot() {
  std::vector<uint64_t> words(block_->snapshot_words());
  block_->Snapshot(words.data());
  for (size_t i = 0; i < words.size(); i++) {
    if (words[i] != file_.view[i < 32 ? i : 0x200 + i - 32]) Broken("a snapshot is not the block");
  }
}

void Session::Scribble() {
  const size_t word = input_.U16();
  const uint64_t value = input_.U64();
  if (word < file_.size / 8) file_.view[word] = value;
}

}  // namespace fuzz
