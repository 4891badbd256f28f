// SPDX-License-Identifier: Apache-2.0
#ifndef SDM_NAPI_ABORT_H
#define SDM_NAPI_ABORT_H

#include <node_api.h>

#include <atomic>
#include <memory>

namespace sdm {

// Listens to the AbortSignal of an options object, for as long as the work runs.
class AbortListener {
 public:
  // False with an exception pending: not a signal, or SDM_ABORTED since it has fired already.
  bool Read(napi_env env, napi_value options);
  // From any thread.
  bool IsSet() const { return flag_ != nullptr && flag_->load(std::memory_order_relaxed); }
  // The SDM_ABORTED error, with the signal's reason as its cause.
  napi_value Reason(napi_env env) const;
  // With no exception pending: it calls the signal, and leaves none of its own behind.
  void Release(napi_env env);

 private:
  using Flag = std::atomic<bool>;

  static napi_value Fired(napi_env env, napi_callback_info info);
  static void FinalizeFunction(napi_env, void *, void *hint);
  napi_value ErrorFor(napi_env env, napi_value signal) const;
  bool Listen(napi_env env, napi_value signal);

  // The listener function may outlive the work: it shares nothing but this.
  std::shared_ptr<Flag> flag_;
  napi_ref signal_ = nullptr;
  napi_ref function_ = nullptr;
};

}  // namespace sdm

#endif  // SDM_NAPI_ABORT_H
