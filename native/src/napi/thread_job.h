// SPDX-License-Identifier: Apache-2.0
//
// Work on a thread of its own with a promise for its result. libuv's pool is left alone: it has
// four threads, which file and DNS calls of the whole program share.
#ifndef SDM_NAPI_THREAD_JOB_H
#define SDM_NAPI_THREAD_JOB_H

#include <node_api.h>
#include <pthread.h>

#include <atomic>
#include <memory>

namespace sdm {

// Lives until its thread-safe function is finalised. If the environment goes down first, the job is
// cancelled and its thread joined before anything that the thread uses goes away.
class ThreadJob {
 public:
  virtual ~ThreadJob() = default;
  ThreadJob(const ThreadJob &) = delete;
  ThreadJob &operator=(const ThreadJob &) = delete;

  // Takes the job over. The promise, or null with an exception pending.
  static napi_value Start(napi_env env, std::unique_ptr<ThreadJob> job, const char *name);
  // Ends a job that was not started. An exception that is pending stays so.
  static void Drop(napi_env env, std::unique_ptr<ThreadJob> job);

 protected:
  ThreadJob() = default;

  // On the job's thread.
  virtual void Run() = 0;
  // On the environment's thread, while Run() may be running: it is to end soon.
  virtual void Cancel() = 0;
  // On the environment's thread, some time after Report().
  virtual void Progress(napi_env) {}
  // On the environment's thread, after Run(): what the promise ends with.
  virtual napi_value Settle(napi_env env, bool *rejected) = 0;
  // On the environment's thread, last of all: give references back.
  virtual void Release(napi_env) {}

  // From Run(): have Progress() called. Calls that come too fast are merged.
  void Report();

 private:
  static void CallJs(napi_env env, napi_value, void *context, void *);
  static void Finalize(napi_env env, void *data, void *);
  static void TearDown(void *data);
  void Main();
  void Join();
  void End(napi_env env);

  napi_env env_ = nullptr;
  napi_deferred deferred_ = nullptr;
  napi_threadsafe_function wake_ = nullptr;
  pthread_t thread_ = {};
  bool joined_ = true;
  bool hooked_ = false;
  bool settled_ = false;
  std::atomic<bool> reported_{false};
  std::atomic<bool> ended_{false};
};

}  // namespace sdm

#endif  // SDM_NAPI_THREAD_JOB_H
