// SPDX-License-Identifier: Apache-2.0
#ifndef SDM_LOCKED_KERNEL_H
#define SDM_LOCKED_KERNEL_H

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "check.h"

namespace check {

// A kernel that cannot take a lock: it ignores the signal, then restarts the write when that is
// there, as lock_device_hotplug_sysfs() does. Made with a seccomp filter of the calling thread and
// those it starts: it hands over each write of kLockedBytes.
constexpr size_t kLockedBytes = 7919;

class LockedKernel {
 public:
  // False where the kernel cannot do this.
  bool Start() {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kLockedBytes, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const unsigned flags =
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    fd_ = static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
    return fd_ >= 0;
  }
  ~LockedKernel() {
    if (fd_ >= 0) close(fd_);
  }

  // The next write. False if there is none within `timeout_ms`, or will be none: a signal may also
  // come before the write is held here, and ends it then.
  bool Next(int timeout_ms) {
    struct pollfd ready = {fd_, POLLIN, 0};
    call_ = {};
    return poll(&ready, 1, timeout_ms) == 1 && (ready.revents & POLLIN) != 0 &&
           ioctl(fd_, SECCOMP_IOCTL_NOTIF_RECV, &call_) == 0;
  }
  bool MayWrite() const {
    return (fcntl(static_cast<int>(call_.data.args[0]), F_GETFL) & O_ACCMODE) != O_RDONLY;
  }
  // Waits until the signal is there for the thread; false if it does not come.
  bool AwaitSignal(int timeout_ms) const {
    const std::string path = "/proc/self/task/" + std::to_string(call_.pid) + "/status";
    for (; timeout_ms > 0; timeout_ms--) {
      char line[256];
      bool pending = false;
      FILE *const file = fopen(path.c_str(), "r");
      if (file == nullptr) return false;
      while (fgets(line, sizeof(line), file) != nullptr) {
        if (strncmp(line, "SigPnd:", 7) == 0) pending = strtoull(line + 7, nullptr, 16) != 0;
      }
      fclose(file);
      if (pending) return true;
      poll(nullptr, 0, 1);
    }
    return false;
  }
  // Waits until no thread is left that has the filter.
  bool AwaitEnd(int timeout_ms) const {
    struct pollfd ready = {fd_, 0, 0};
    return poll(&ready, 1, timeout_ms) == 1 && (ready.revents & POLLHUP) != 0;
  }
  void Restart() { Answer(-513, 0); }  // -ERESTARTNOINTR
  void Let() { Answer(0, SECCOMP_USER_NOTIF_FLAG_CONTINUE); }

 private:
  void Answer(int error, uint32_t flags) {
    struct seccomp_notif_resp answer = {call_.id, 0, error, flags};
    CHECK(ioctl(fd_, SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0);
  }

  int fd_ = -1;
  struct seccomp_notif call_ = {};
};

}  // namespace check

#endif  // SDM_LOCKED_KERNEL_H
