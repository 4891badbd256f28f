// SPDX-License-Identifier: Apache-2.0
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fd.h"

namespace sdm {

bool Notify(const std::string &address, const std::string &state, Error *error) {
  struct sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  if (address.size() < 2 || (address[0] != '/' && address[0] != '@') ||
      address.size() >= sizeof(to.sun_path)) {
    return Fail(error, Code::SDM_INPUT,
                "NOTIFY_SOCKET is \"" + address +
                    "\"; it must be an absolute path or '@' and a name, of at most " +
                    std::to_string(sizeof(to.sun_path) - 1) + " bytes");
  }
  memcpy(to.sun_path, address.data(), address.size());
  if (address[0] == '@') to.sun_path[0] = '\0';

  const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return FailSystem(error, "socket", errno, address);
  // The length counts for an abstract name: without a terminator.
  const socklen_t length =
      static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + address.size());
  if (sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
             reinterpret_cast<const struct sockaddr *>(&to), length) < 0) {
    return FailSystem(error, "sendto", errno, address);
  }
  return true;
}

}  // namespace sdm
