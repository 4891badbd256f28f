// SPDX-License-Identifier: Apache-2.0
#include "thread_job.h"

#include "../thread.h"
#include "util.h"

namespace sdm {

napi_value ThreadJob::Start(napi_env env, std::unique_ptr<ThreadJob> job, const char *name) {
  napi_value promise;
  napi_value resource_name;
  if (!Ok(env, napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &resource_name)) ||
      !Ok(env, napi_create_threadsafe_function(env, nullptr, nullptr, resource_name, 0, 1,
                                               job.get(), Finalize, job.get(), CallJs,
                                               &job->wake_))) {
    Drop(env, std::move(job));
    return nullptr;
  }
  ThreadJob *const self = job.release();  // Finalize() deletes it
  self->env_ = env;
  // Hooks run in reverse order: this one joins the thread before the thread-safe function goes.
  if (!Ok(env, napi_add_env_cleanup_hook(env, TearDown, self)) ||
      (self->hooked_ = true, !Ok(env, napi_create_promise(env, &self->deferred_, &promise)))) {
    napi_release_threadsafe_function(self->wake_, napi_tsfn_abort);
    return nullptr;
  }
  const int failed = StartThread(&self->thread_, [self] { self->Main(); });
  if (failed != 0) {
    Error error;
    FailSystem(&error, "pthread_create", failed, name);
    self->settled_ = true;
    Ok(env, napi_reject_deferred(env, self->deferred_, MakeError(env, error)));
    napi_release_threadsafe_function(self->wake_, napi_tsfn_abort);
    return promise;
  }
  self->joined_ = false;
  return promise;
}

void ThreadJob::Drop(napi_env env, std::unique_ptr<ThreadJob> job) {
  // No JavaScript runs while one is pending, not even to take a listener away.
  bool pending = false;
  napi_value exception;
  napi_is_exception_pending(env, &pending);
  if (pending) napi_get_and_clear_last_exception(env, &exception);
  job->Release(env);
  if (pending) napi_throw(env, exception);
}

void ThreadJob::Main() {
  Run();
  ended_.store(true, std::memory_order_release);
  napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
  napi_release_threadsafe_function(wake_, napi_tsfn_release);
}

void ThreadJob::Report() {
  if (!reported_.exchange(true)) {
    napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
  }
}

void ThreadJob::Join() {
  if (joined_) return;
  pthread_join(thread_, nullptr);
  joined_ = true;
}

void ThreadJob::CallJs(napi_env env, napi_value, void *context, void *) {
  ThreadJob *const self = static_cast<ThreadJob *>(context);
  // Without an environment the queue is only being emptied.
  if (env == nullptr || self->settled_) return;
  self->reported_.store(false);
  const bool ended = self->ended_.load(std::memory_order_acquire);
  self->Progress(env);
  if (ended) self->End(env);
}

void ThreadJob::End(napi_env env) {
  settled_ = true;
  Join();
  bool rejected = false;
  const napi_value value = Settle(env, &rejected);
  // Either fails only while the environment goes down.
  if (value != nullptr && rejected) napi_reject_deferred(env, deferred_, value);
  if (value != nullptr && !rejected) napi_resolve_deferred(env, deferred_, value);
}

void ThreadJob::TearDown(void *data) {
  ThreadJob *const self = static_cast<ThreadJob *>(data);
  self->hooked_ = false;
  self->Cancel();
  self->Join();
}

void ThreadJob::Finalize(napi_env env, void *data, void *) {
  const std::unique_ptr<ThreadJob> self(static_cast<ThreadJob *>(data));
  if (self->hooked_) napi_remove_env_cleanup_hook(self->env_, TearDown, data);
  self->Join();
  self->Release(env);
}

}  // namespace sdm
