// SPDX-License-Identifier: Apache-2.0
//
// Opening a register block: whose it is, and what is refused.
#include <sys/stat.h>
#include <unistd.h>

#include "block_files.h"

using check::FileSource;
using check::Formatted;
using check::Zynq;
using sdm::Error;
using sdm::RegisterBlock;
using sdm::Source;

TEST(OpenRefusesWhatIsNotABlock) {
  Error error;
  const RegisterBlock::Options options;
  CHECK_CODE(RegisterBlock::Open(FileSource(check::Scratch() + "/none"), options, &error), error,
             SDM_NOT_FOUND);
  CHECK_CODE(RegisterBlock::Open(FileSource(check::Scratch()), options, &error), error, SDM_SYSTEM);
  CHECK_CODE(RegisterBlock::Open(FileSource(check::WriteFile("empty", "")), options, &error), error,
             SDM_BLOCK_SIZE);
  CHECK_CODE(RegisterBlock::Open(FileSource(check::MakeFile("short", 0x103f)), options, &error),
             error, SDM_BLOCK_SIZE);
  CHECK_CODE(RegisterBlock::Open(FileSource("/dev/null"), options, &error), error, SDM_INPUT);
  const std::string fifo = check::Scratch() + "/fifo";
  CHECK(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK_CODE(RegisterBlock::Open(FileSource(fifo), options, &error), error, SDM_INPUT);
  const Source zero = FileSource(check::MakeFile("zero", SDM_BLOCK_MAX));
  CHECK_CODE(RegisterBlock::Open(zero, options, &error), error, SDM_BLOCK_UNFORMATTED);
  CHECK(error.message.find("sdm-agent registers format " + zero.path) != std::string::npos);
}

TEST(OneOwnerAndManyReaders) {
  const Source source = Formatted(Zynq());
  Error error;
  auto owner = RegisterBlock::Open(source, {}, &error);
  CHECK(owner != nullptr);
  CHECK_CODE(RegisterBlock::Open(source, {}, &error), error, SDM_BLOCK_LOCKED);
  CHECK(error.message.find("process " + std::to_string(getpid())) != std::string::npos);
  sdm_header header;
  CHECK_CODE(FormatBlock(source, Zynq(), &header, &error), error, SDM_BLOCK_LOCKED);
  RegisterBlock::Options reading;
  reading.writable = false;
  CHECK(RegisterBlock::Open(source, reading, &error) != nullptr);
  owner.reset();
  CHECK(RegisterBlock::Open(source, {}, &error) != nullptr);
}

TEST(WindowBaseIsPutIn) {
  sdm::FormatRequest request;
  sdm_profile_header(SDM_PROFILE_GENERIC, &request.header);
  request.header.window_size = request.header.remote_size = 0x10000000;
  const Source source = Formatted(request);
  Error error;
  RegisterBlock::Options options;
  options.has_window_base = true;
  options.window_base = 0x8000000000;
  CHECK_EQUAL(RegisterBlock::Open(source, options, &error)->header().window_base, 0x8000000000u);
  options.window_base = UINT64_MAX;  // the window would leave the space
  CHECK_CODE(RegisterBlock::Open(source, options, &error), error, SDM_BLOCK_INVALID);
}

// A device that gives zeros stands for one that is there and holds no block.
TEST(CharacterDevicesHaveTheSizeThatIsGiven) {
  Error error;
  RegisterBlock::Options reading;
  reading.writable = false;
  Source source;
  source.device = "/dev/zero";
  source.size = SDM_BLOCK_MAX;
  CHECK_CODE(RegisterBlock::Open(source, reading, &error), error, SDM_BLOCK_UNFORMATTED);
  CHECK(error.message.find("format --uio zero") != std::string::npos);
  source.size = SDM_MEMPORT_BASE;
  CHECK_CODE(RegisterBlock::Open(source, reading, &error), error, SDM_BLOCK_SIZE);
  source.size = SDM_BLOCK_MAX;
  source.device = "/dev/null";
  CHECK_CODE(RegisterBlock::Open(source, reading, &error), error, SDM_SYSTEM);
  source.device = check::Scratch() + "/none";
  CHECK_CODE(RegisterBlock::Open(source, reading, &error), error, SDM_NOT_FOUND);
  CHECK(error.message.find("is its driver bound?") != std::string::npos);
  source.device = check::MakeFile("regular", SDM_BLOCK_MAX);
  CHECK_CODE(RegisterBlock::Open(source, reading, &error), error, SDM_INPUT);
}
