// SPDX-License-Identifier: Apache-2.0
#include "lock_holder.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace sdm {
namespace {

std::string CommandOf(int pid) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/comm", pid);
  FILE *const file = fopen(path, "re");
  if (file == nullptr) return {};
  char name[64] = {};
  const size_t length = fread(name, 1, sizeof(name) - 1, file);
  fclose(file);
  std::string command(name, length);
  if (!command.empty() && command.back() == '\n') command.pop_back();
  return command;
}

}  // namespace

std::string LockHolder(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return {};
  FILE *const file = fopen("/proc/locks", "re");
  if (file == nullptr) return {};
  int holder = 0;
  char line[256];
  while (holder == 0 && fgets(line, sizeof(line), file) != nullptr) {
    // "1: FLOCK  ADVISORY  WRITE 1234 00:1a:5678 0 EOF"
    int pid;
    unsigned major_number, minor_number;
    unsigned long inode;
    if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &major_number, &minor_number,
               &inode) == 4 &&
        inode == status.st_ino && major_number == major(status.st_dev) &&
        minor_number == minor(status.st_dev)) {
      holder = pid;
    }
  }
  fclose(file);
  if (holder <= 0) return {};
  const std::string command = CommandOf(holder);
  return "process " + std::to_string(holder) + (command.empty() ? "" : " (" + command + ")") +
         (holder == getpid() ? ", which is this one" : "");
}

}  // namespace sdm
