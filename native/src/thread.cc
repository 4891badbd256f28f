// SPDX-License-Identifier: Apache-2.0
#include "thread.h"

#include <signal.h>

#include <memory>
#include <utility>

namespace sdm {
namespace {

constexpr size_t kStackBytes = 256 << 10;

void *Trampoline(void *data) {
  const std::unique_ptr<std::function<void()>> run(static_cast<std::function<void()> *>(data));
  (*run)();
  return nullptr;
}

}  // namespace

int StartThread(pthread_t *thread, std::function<void()> run) {
  auto held = std::make_unique<std::function<void()>>(std::move(run));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int failed = pthread_create(thread, &attributes, Trampoline, held.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (failed == 0) held.release();
  return failed;
}

}  // namespace sdm
