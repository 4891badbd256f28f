// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

namespace check {
namespace {

Test *first = nullptr;
Test **last = &first;
int failures = 0;
std::string scratch;

int Remove(const char *path, const struct stat *, int, struct FTW *) { return remove(path); }

void MakeScratch() {
  char path[] = "/tmp/sdm-native-test-XXXXXX";
  if (mkdtemp(path) == nullptr) {
    perror(path);
    exit(1);
  }
  scratch = path;
}

}  // namespace

Test::Test(const char *test_name, void (*test)()) : name(test_name), run(test) {
  *last = this;
  last = &next;
}

void Fail(const char *file, int line, const std::string &message) {
  failures++;
  printf("%s:%d: %s\n", file, line, message.c_str());
}

const std::string &Scratch() { return scratch; }

std::string WriteFile(const std::string &name, const std::string &content) {
  const std::string path = scratch + "/" + name;
  FILE *const file = fopen(path.c_str(), "w");
  if (file == nullptr || fwrite(content.data(), 1, content.size(), file) != content.size()) {
    perror(path.c_str());
    exit(1);
  }
  fclose(file);
  return path;
}

std::string MakeFile(const std::string &name, uint64_t size) {
  const std::string path = WriteFile(name, "");
  if (truncate(path.c_str(), static_cast<off_t>(size)) != 0) {
    perror(path.c_str());
    exit(1);
  }
  return path;
}

}  // namespace check

int main() {
  int count = 0;
  int failed = 0;
  for (check::Test *test = check::first; test != nullptr; test = test->next) {
    const int before = check::failures;
    check::MakeScratch();
    test->run();
    nftw(check::scratch.c_str(), check::Remove, 8, FTW_DEPTH | FTW_PHYS);
    count++;
    failed += check::failures != before;
    printf("%s %s\n", check::failures == before ? "ok" : "FAILED", test->name);
  }
  printf("%d tests, %d failed\n", count, failed);
  return failed == 0 ? 0 : 1;
}
