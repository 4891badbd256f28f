// SPDX-License-Identifier: Apache-2.0
//
// Formatting a register block: what it overwrites, and what it never does.
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "block_files.h"

using check::FileSource;
using check::Formatted;
using check::Zynq;
using sdm::Error;
using sdm::Source;

// Whether files are said to lie in sysfs, where no test can make one.
static bool in_sysfs = false;

extern "C" int fstatfs(int fd, struct statfs *status) noexcept {
  const int result = static_cast<int>(syscall(SYS_fstatfs, fd, status));
  if (in_sysfs) status->f_type = SYSFS_MAGIC;
  return result;
}

TEST(FormatKeepsWhatIsThere) {
  sdm::FormatRequest request = Zynq();
  const Source source = Formatted(request);
  Error error;
  sdm_header header;
  CHECK_CODE(FormatBlock(source, request, &header, &error), error, SDM_BLOCK_FORMATTED);
  request.force = true;
  CHECK(FormatBlock(source, request, &header, &error));
  const Source foreign = FileSource(check::WriteFile("foreign", std::string(SDM_BLOCK_MAX, 'x')));
  request.force = false;
  CHECK_CODE(FormatBlock(foreign, request, &header, &error), error, SDM_BLOCK_FOREIGN);
  request.header.nports = 512;
  CHECK_CODE(FormatBlock(FileSource(check::MakeFile("short", 0x2000)), request, &header, &error),
             error, SDM_BLOCK_SIZE);
  request.header.granule = 3;
  CHECK_CODE(FormatBlock(FileSource(check::MakeFile("new", 0x10000)), request, &header, &error),
             error, SDM_INPUT);
}

TEST(FormatLeavesLogicAloneHoweverItIsNamed) {
  sdm::FormatRequest request = Zynq();
  request.header.features = 1 << SDM_FEATURE_TRANSLATION;
  const Source source = Formatted(request);
  request.force = true;
  Error error;
  sdm_header header;
  in_sysfs = true;
  CHECK_CODE(FormatBlock(source, request, &header, &error), error, SDM_BLOCK_FORMATTED);
  CHECK(error.message.find("logic") != std::string::npos);
  in_sysfs = false;
  CHECK(FormatBlock(source, request, &header, &error));  // a file has no logic, whatever it says
  in_sysfs = true;
  CHECK(FormatBlock(Formatted(Zynq()), request, &header, &error));
  in_sysfs = false;
}
