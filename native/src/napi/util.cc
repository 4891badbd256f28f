// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include <limits.h>
#include <math.h>

namespace sdm {
namespace {

napi_value MakeString(napi_env env, const std::string &text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

std::string Number(double value) {
  char text[32];
  snprintf(text, sizeof(text), "%.17g", value);
  return text;
}

}  // namespace

napi_value MakeError(napi_env env, const Error &error, bool type) {
  const napi_value code = MakeString(env, CodeName(error.code));
  const napi_value message = MakeString(env, error.message);
  napi_value result = nullptr;
  if (type) {
    napi_create_type_error(env, code, message, &result);
  } else {
    napi_create_error(env, code, message, &result);
  }
  if (result != nullptr && error.code == Code::SDM_SYSTEM) {
    SetDouble(env, result, "errno", error.number);
    SetNamed(env, result, "errnoName", MakeString(env, ErrnoName(error.number)));
    SetNamed(env, result, "syscall", MakeString(env, error.syscall != nullptr ? error.syscall : ""));
  }
  return result;
}

bool Throw(napi_env env, const Error &error, bool type) {
  const napi_value value = MakeError(env, error, type);
  if (value != nullptr) napi_throw(env, value);
  return false;
}

bool ThrowType(napi_env env, const std::string &message) {
  Error error;
  Fail(&error, Code::SDM_INPUT, message);
  return Throw(env, error, true);
}

bool ThrowInput(napi_env env, const std::string &message) {
  Error error;
  Fail(&error, Code::SDM_INPUT, message);
  return Throw(env, error);
}

bool Ok(napi_env env, napi_status status) {
  if (status == napi_ok) return true;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  // While the environment goes down nothing can be thrown, and nobody is there to catch it.
  if (!pending && status != napi_pending_exception && status != napi_cannot_run_js) {
    Error error;
    Fail(&error, Code::SDM_SYSTEM,
         "Node-API failed with status " + std::to_string(static_cast<int>(status)));
    error.syscall = "napi";
    Throw(env, error);
  }
  return false;
}

napi_value RejectPending(napi_env env) {
  napi_value reason = nullptr;
  napi_deferred deferred;
  napi_value promise = nullptr;
  if (napi_get_and_clear_last_exception(env, &reason) != napi_ok) return nullptr;
  if (!Ok(env, napi_create_promise(env, &deferred, &promise))) return nullptr;
  if (!Ok(env, napi_reject_deferred(env, deferred, reason))) return nullptr;
  return promise;
}

napi_value Undefined(napi_env env) {
  napi_value value = nullptr;
  napi_get_undefined(env, &value);
  return value;
}

bool IsUndefined(napi_env env, napi_value value) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && type == napi_undefined;
}

bool ReadUint64(napi_env env, napi_value value, const char *what, uint64_t *result) {
  bool lossless = false;
  const napi_status status = napi_get_value_bigint_uint64(env, value, result, &lossless);
  if (status == napi_bigint_expected) {
    return ThrowType(env, std::string(what) + " must be a bigint");
  }
  if (!Ok(env, status)) return false;
  return lossless || ThrowInput(env, std::string(what) + " must be 0n to 2n ** 64n - 1n");
}

bool ReadInteger(napi_env env, napi_value value, const char *what, double least, double most,
                 double *result) {
  const napi_status status = napi_get_value_double(env, value, result);
  if (status == napi_number_expected) {
    return ThrowType(env, std::string(what) + " must be a number");
  }
  if (!Ok(env, status)) return false;
  if (*result >= least && *result <= most && floor(*result) == *result) return true;
  return ThrowInput(env, std::string(what) + " must be a whole number from " + Number(least) +
                             " to " + Number(most) + ", not " + Number(*result));
}

bool ReadBoolean(napi_env env, napi_value value, const char *what, bool *result) {
  const napi_status status = napi_get_value_bool(env, value, result);
  if (status == napi_boolean_expected) {
    return ThrowType(env, std::string(what) + " must be true or false");
  }
  return Ok(env, status);
}

bool ReadString(napi_env env, napi_value value, const char *what, size_t most,
                std::string *result) {
  size_t length = 0;
  const napi_status status = napi_get_value_string_utf8(env, value, nullptr, 0, &length);
  if (status == napi_string_expected) {
    return ThrowType(env, std::string(what) + " must be a string");
  }
  if (!Ok(env, status)) return false;
  if (length > most) {
    return ThrowInput(env, std::string(what) + " is longer than " + std::to_string(most) + " bytes");
  }
  result->resize(length + 1);
  if (!Ok(env, napi_get_value_string_utf8(env, value, &(*result)[0], length + 1, &length))) {
    return false;
  }
  result->resize(length);
  return result->find('\0') == std::string::npos ||
         ThrowInput(env, std::string(what) + " must not contain a NUL character");
}

bool ReadPath(napi_env env, napi_value value, const char *what, std::string *result) {
  if (!ReadString(env, value, what, PATH_MAX - 1, result)) return false;
  return !result->empty() || ThrowInput(env, std::string(what) + " must not be empty");
}

bool CheckObject(napi_env env, napi_value value, const char *what) {
  napi_valuetype type;
  if (!Ok(env, napi_typeof(env, value, &type))) return false;
  return type == napi_object || ThrowType(env, std::string(what) + " must be an object");
}

bool GetOptional(napi_env env, napi_value object, const char *name, napi_value *value,
                 bool *present) {
  if (!Ok(env, napi_get_named_property(env, object, name, value))) return false;
  *present = !IsUndefined(env, *value);
  return true;
}

bool SetNamed(napi_env env, napi_value object, const char *name, napi_value value) {
  return Ok(env, napi_set_named_property(env, object, name, value));
}

bool SetUint64(napi_env env, napi_value object, const char *name, uint64_t value) {
  napi_value bigint;
  return Ok(env, napi_create_bigint_uint64(env, value, &bigint)) &&
         SetNamed(env, object, name, bigint);
}

bool SetDouble(napi_env env, napi_value object, const char *name, double value) {
  napi_value number;
  return Ok(env, napi_create_double(env, value, &number)) && SetNamed(env, object, name, number);
}

}  // namespace sdm
