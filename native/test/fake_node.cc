// SPDX-License-Identifier: Apache-2.0
#include "fake_node.h"

#include <algorithm>
#include <utility>

#include "../src/napi/util.h"

// Values are never looked into: any pointer will do.
static int any_value;
static const napi_value kValue = reinterpret_cast<napi_value>(&any_value);

void napi_env__::Finalize(size_t index) {
  std::unique_ptr<napi_threadsafe_function__> function;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    function = std::move(functions[index]);
    functions.erase(functions.begin() + static_cast<ptrdiff_t>(index));
  }
  for (; function->queued > 0; function->queued--) {
    function->call(nullptr, nullptr, function->context, nullptr);
  }
  function->finalize(this, function->finalize_data, function->context);
}

void napi_env__::Run() {
  for (;;) {
    napi_threadsafe_function__ *called = nullptr;
    size_t over = SIZE_MAX;
    {
      std::unique_lock<std::mutex> lock(mutex);
      if (functions.empty()) return;
      changed.wait(lock, [this, &called, &over] {
        for (size_t i = 0; i < functions.size(); i++) {
          napi_threadsafe_function__ *const function = functions[i].get();
          if (function->queued > 0 && !function->aborted) called = function;
          if (function->aborted || (function->queued == 0 && function->threads == 0)) over = i;
        }
        return called != nullptr || over != SIZE_MAX;
      });
      if (called != nullptr) called->queued--;
    }
    if (called != nullptr) {
      called->call(this, nullptr, called->context, nullptr);
    } else {
      Finalize(over);
    }
  }
}

void napi_env__::TearDown() {
  while (!hooks.empty()) {
    const Hook hook = hooks.back();
    hooks.pop_back();
    hook.run(hook.data);
  }
  while (!functions.empty()) Finalize(functions.size() - 1);
}

extern "C" {

napi_status napi_create_string_utf8(napi_env, const char *, size_t, napi_value *result) {
  *result = kValue;
  return napi_ok;
}

napi_status napi_create_threadsafe_function(napi_env env, napi_value, napi_value, napi_value,
                                            size_t, size_t initial_thread_count,
                                            void *finalize_data, napi_finalize finalize,
                                            void *context, napi_threadsafe_function_call_js call,
                                            napi_threadsafe_function *result) {
  auto function = std::make_unique<napi_threadsafe_function__>();
  function->env = env;
  function->context = context;
  function->call = call;
  function->finalize = finalize;
  function->finalize_data = finalize_data;
  function->threads = initial_thread_count;
  *result = function.get();
  const std::lock_guard<std::mutex> lock(env->mutex);
  env->functions.push_back(std::move(function));
  return napi_ok;
}

napi_status napi_call_threadsafe_function(napi_threadsafe_function function, void *,
                                          napi_threadsafe_function_call_mode) {
  const std::lock_guard<std::mutex> lock(function->env->mutex);
  function->queued++;
  function->env->changed.notify_one();
  return napi_ok;
}

napi_status napi_release_threadsafe_function(napi_threadsafe_function function,
                                             napi_threadsafe_function_release_mode mode) {
  const std::lock_guard<std::mutex> lock(function->env->mutex);
  function->threads--;
  if (mode == napi_tsfn_abort) function->aborted = true;
  function->env->changed.notify_one();
  return napi_ok;
}

napi_status napi_add_env_cleanup_hook(napi_env env, void (*run)(void *), void *data) {
  env->hooks.push_back({run, data});
  return napi_ok;
}

napi_status napi_remove_env_cleanup_hook(napi_env env, void (*run)(void *), void *data) {
  const auto same = [run, data](const napi_env__::Hook &hook) {
    return hook.run == run && hook.data == data;
  };
  env->hooks.erase(std::remove_if(env->hooks.begin(), env->hooks.end(), same), env->hooks.end());
  return napi_ok;
}

napi_status napi_create_promise(napi_env env, napi_deferred *deferred, napi_value *promise) {
  env->promises.push_back(std::make_unique<napi_deferred__>());
  *deferred = env->promises.back().get();
  *promise = kValue;
  return napi_ok;
}

napi_status napi_resolve_deferred(napi_env, napi_deferred deferred, napi_value) {
  deferred->state = napi_deferred__::kResolved;
  return napi_ok;
}

napi_status napi_reject_deferred(napi_env, napi_deferred deferred, napi_value) {
  deferred->state = napi_deferred__::kRejected;
  return napi_ok;
}

napi_status napi_is_exception_pending(napi_env env, bool *result) {
  *result = env->exception;
  return napi_ok;
}

napi_status napi_get_and_clear_last_exception(napi_env env, napi_value *result) {
  env->exception = false;
  *result = kValue;
  return napi_ok;
}

napi_status napi_throw(napi_env env, napi_value) {
  env->exception = true;
  return napi_ok;
}

}  // extern "C"

namespace sdm {

bool Ok(napi_env, napi_status status) { return status == napi_ok; }

napi_value MakeError(napi_env, const Error &, bool) { return kValue; }

}  // namespace sdm
