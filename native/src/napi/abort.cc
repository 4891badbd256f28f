// SPDX-License-Identifier: Apache-2.0
#include "abort.h"

#include "util.h"

namespace sdm {
namespace {

// signal.addEventListener('abort', function) or removeEventListener.
bool CallListener(napi_env env, napi_value signal, const char *method, napi_value function) {
  napi_value callee;
  napi_value arguments[2] = {nullptr, function};
  return Ok(env, napi_get_named_property(env, signal, method, &callee)) &&
         Ok(env, napi_create_string_utf8(env, "abort", NAPI_AUTO_LENGTH, &arguments[0])) &&
         Ok(env, napi_call_function(env, signal, callee, 2, arguments, nullptr));
}

bool IsFunction(napi_env env, napi_value object, const char *name) {
  napi_value value;
  napi_valuetype type;
  return napi_get_named_property(env, object, name, &value) == napi_ok &&
         napi_typeof(env, value, &type) == napi_ok && type == napi_function;
}

}  // namespace

napi_value AbortListener::Fired(napi_env env, napi_callback_info info) {
  Arguments<1> arguments;
  if (arguments.Read(env, info)) static_cast<Flag *>(arguments.data)->store(true);
  return nullptr;
}

void AbortListener::FinalizeFunction(napi_env, void *, void *hint) {
  delete static_cast<std::shared_ptr<Flag> *>(hint);
}

bool AbortListener::Read(napi_env env, napi_value options) {
  napi_value signal;
  napi_value value;
  bool present;
  bool aborted = false;
  if (!GetOptional(env, options, "signal", &signal, &present)) return false;
  if (!present) return true;
  if (!CheckObject(env, signal, "signal")) return false;
  if (!IsFunction(env, signal, "addEventListener") ||
      !IsFunction(env, signal, "removeEventListener")) {
    return ThrowType(env, "signal must be an AbortSignal");
  }
  if (!GetOptional(env, signal, "aborted", &value, &present) ||
      !ReadBoolean(env, value, "signal.aborted", &aborted)) {
    return false;
  }
  if (!aborted) return Listen(env, signal);
  const napi_value error = ErrorFor(env, signal);
  if (error != nullptr) napi_throw(env, error);
  return false;
}

bool AbortListener::Listen(napi_env env, napi_value signal) {
  flag_ = std::make_shared<Flag>(false);
  auto held = std::make_unique<std::shared_ptr<Flag>>(flag_);
  napi_value function;
  if (!Ok(env, napi_create_function(env, "onAbort", NAPI_AUTO_LENGTH, Fired, flag_.get(),
                                    &function)) ||
      !Ok(env, napi_add_finalizer(env, function, flag_.get(), FinalizeFunction, held.get(),
                                  nullptr))) {
    return false;
  }
  held.release();
  return Ok(env, napi_create_reference(env, signal, 1, &signal_)) &&
         Ok(env, napi_create_reference(env, function, 1, &function_)) &&
         CallListener(env, signal, "addEventListener", function);
}

napi_value AbortListener::ErrorFor(napi_env env, napi_value signal) const {
  Error error;
  Fail(&error, Code::SDM_ABORTED, "the call was aborted by its signal");
  const napi_value result = MakeError(env, error);
  napi_value reason;
  if (signal == nullptr) return result;
  if (napi_get_named_property(env, signal, "reason", &reason) == napi_ok) {
    SetNamed(env, result, "cause", reason);
  } else {
    // A getter that throws: with that pending no promise could be settled.
    napi_get_and_clear_last_exception(env, &reason);
  }
  return result;
}

napi_value AbortListener::Reason(napi_env env) const {
  napi_value signal = nullptr;
  if (signal_ != nullptr) napi_get_reference_value(env, signal_, &signal);
  return ErrorFor(env, signal);
}

void AbortListener::Release(napi_env env) {
  if (signal_ != nullptr && function_ != nullptr) {
    napi_value signal;
    napi_value function;
    if (napi_get_reference_value(env, signal_, &signal) == napi_ok &&
        napi_get_reference_value(env, function_, &function) == napi_ok &&
        !CallListener(env, signal, "removeEventListener", function)) {
      // A signal that throws here, or an environment that goes down: nobody wants to know.
      napi_value ignored;
      napi_get_and_clear_last_exception(env, &ignored);
    }
  }
  if (signal_ != nullptr) napi_delete_reference(env, signal_);
  if (function_ != nullptr) napi_delete_reference(env, function_);
  signal_ = function_ = nullptr;
}

}  // namespace sdm
