// SPDX-License-Identifier: Apache-2.0
//
// As much of the Node-API as ThreadJob needs, in a program of which ThreadSanitizer sees all: an
// environment with its loop, thread-safe functions, cleanup hooks and promises.
#ifndef SDM_FAKE_NODE_H
#define SDM_FAKE_NODE_H

#include <node_api.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

struct napi_threadsafe_function__ {
  napi_env env;
  void *context;
  napi_threadsafe_function_call_js call;
  napi_finalize finalize;
  void *finalize_data;
  size_t threads;
  size_t queued = 0;
  bool aborted = false;
};

struct napi_deferred__ {
  enum { kPending, kResolved, kRejected } state = kPending;
};

// An environment. All but the thread-safe functions is used by the thread that made it.
struct napi_env__ {
  // Turns the loop until no function is left that could wake it.
  void Run();
  // Ends as node does when a worker is terminated: hooks in reverse, then the functions.
  void TearDown();

  std::mutex mutex;
  std::condition_variable changed;
  // Under the mutex:
  std::vector<std::unique_ptr<napi_threadsafe_function__>> functions;

  struct Hook {
    void (*run)(void *);
    void *data;
  };
  std::vector<Hook> hooks;
  std::vector<std::unique_ptr<napi_deferred__>> promises;
  bool exception = false;

 private:
  void Finalize(size_t index);
};

#endif  // SDM_FAKE_NODE_H
