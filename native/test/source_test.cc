// SPDX-License-Identifier: Apache-2.0
//
// Finding a PCI resource, in a tree that looks like sysfs.
#include "../src/source.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

using sdm::Error;

namespace {

std::string ReadFile(const std::string &path) {
  char text[64] = {};
  FILE *const file = fopen(path.c_str(), "r");
  if (file != nullptr) {
    const size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = '\0';
  }
  return text;
}

sdm::Source Device() {
  sdm::Source source;
  source.sysfs = check::Scratch();
  source.pci = "0000:00:02.0";
  source.resource = 2;
  return source;
}

}  // namespace

TEST(PciAddresses) {
  for (const char *good : {"0000:00:02.0", "0001:ff:1f.7", "abcd:00:00.0"}) {
    CHECK(sdm::ValidPciAddress(good));
  }
  for (const char *bad : {"", "00:02.0", "0000:00:02.8", "0000:00:20.0", "0000:00:02.0 ",
                          "0000:00:02", "0000-00-02.0", "../../../etc", "0000:00:0g.0",
                          "0000:0A:00.0", "0000:00:02.0/../x"}) {
    CHECK(!sdm::ValidPciAddress(bad));
  }
}

TEST(ResourceIsEnabledThenOpened) {
  sdm::OpenSource opened;
  Error error;
  CHECK_CODE(OpenSourceFile(Device(), true, &opened, &error), error, SDM_NOT_FOUND);
  mkdir((check::Scratch() + "/0000:00:02.0").c_str(), 0700);
  CHECK_CODE(OpenSourceFile(Device(), true, &opened, &error), error, SDM_NOT_FOUND);
  check::MakeFile("0000:00:02.0/resource2", 0x10000);
  CHECK_CODE(OpenSourceFile(Device(), true, &opened, &error), error, SDM_SYSTEM);  // no `enable`
  const std::string enable = check::WriteFile("0000:00:02.0/enable", "0\n");
  CHECK(OpenSourceFile(Device(), true, &opened, &error));
  CHECK_EQUAL(ReadFile(enable), std::string("1\n"));
  check::WriteFile("0000:00:02.0/enable", "3\n");
  CHECK(OpenSourceFile(Device(), false, &opened, &error));
  CHECK_EQUAL(ReadFile(enable), std::string("3\n"));  // counted by the kernel: left alone
  CHECK_EQUAL(opened.size, uint64_t{0x10000});
  CHECK_EQUAL(opened.options, std::string("--pci 0000:00:02.0 --resource 2"));
}

TEST(DeviceWithDriverIsBusy) {
  sdm::OpenSource opened;
  Error error;
  mkdir((check::Scratch() + "/0000:00:02.0").c_str(), 0700);
  check::MakeFile("0000:00:02.0/resource2", 0x10000);
  check::WriteFile("0000:00:02.0/enable", "1\n");
  const std::string driver = check::Scratch() + "/0000:00:02.0/driver";
  CHECK_EQUAL(symlink("../drivers/uio_pci_generic", driver.c_str()), 0);
  CHECK_CODE(OpenSourceFile(Device(), false, &opened, &error), error, SDM_DEVICE_BUSY);
  CHECK(error.message.find("drivers/uio_pci_generic/unbind") != std::string::npos);
  CHECK(error.message.find("sysfs") == std::string::npos);
  // Our own driver is a way as well.
  CHECK_EQUAL(unlink(driver.c_str()), 0);
  CHECK_EQUAL(symlink("../drivers/sdmc", driver.c_str()), 0);
  CHECK_CODE(OpenSourceFile(Device(), false, &opened, &error), error, SDM_DEVICE_BUSY);
  CHECK(error.message.find("drivers/sdmc/unbind") != std::string::npos);
  CHECK(error.message.find("registers.backend \"auto\" or \"sysfs\"") != std::string::npos);
}
