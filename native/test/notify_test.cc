// SPDX-License-Identifier: Apache-2.0
#include "../src/notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"

using sdm::Error;

namespace {

class Receiver {
 public:
  explicit Receiver(const std::string &address) : fd_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    struct sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    memcpy(name.sun_path, address.data(), address.size());
    if (address[0] == '@') name.sun_path[0] = '\0';
    const socklen_t length =
        static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + address.size());
    CHECK(bind(fd_, reinterpret_cast<const struct sockaddr *>(&name), length) == 0);
  }
  ~Receiver() { close(fd_); }
  std::string Next() {
    char text[256];
    const ssize_t length = recv(fd_, text, sizeof(text), MSG_DONTWAIT);
    return std::string(text, length < 0 ? 0 : static_cast<size_t>(length));
  }

 private:
  int fd_;
};

}  // namespace

TEST(PathsAndAbstractNames) {
  for (const std::string &address :
       {check::Scratch() + "/notify", "@sdm-notify-test-" + std::to_string(getpid())}) {
    Receiver receiver(address);
    Error error;
    CHECK(sdm::Notify(address, "READY=1\nSTATUS=up", &error));
    CHECK_EQUAL(receiver.Next(), std::string("READY=1\nSTATUS=up"));
  }
}

TEST(BadAddresses) {
  Error error;
  for (const std::string &address : {std::string(), std::string("@"), std::string("run/notify"),
                                     std::string("/") + std::string(108, 'x')}) {
    CHECK_CODE(sdm::Notify(address, "READY=1", &error), error, SDM_INPUT);
  }
  CHECK_CODE(sdm::Notify(check::Scratch() + "/nobody", "READY=1", &error), error, SDM_SYSTEM);
  CHECK_EQUAL(error.number, ENOENT);
}

TEST(AFullQueueDoesNotHang) {
  const std::string address = check::Scratch() + "/notify";
  Receiver receiver(address);
  Error error;
  int sent = 0;
  while (sdm::Notify(address, "WATCHDOG=1", &error)) sent++;
  CHECK_EQUAL(error.number, EAGAIN);
  CHECK(sent > 0);
}
