// SPDX-License-Identifier: Apache-2.0
//
// Helpers over the Node-API. Whatever returns false (or null) left a JavaScript exception pending.
#ifndef SDM_NAPI_UTIL_H
#define SDM_NAPI_UTIL_H

#include <node_api.h>
#include <stdint.h>

#include <string>

#include "../errors.h"

namespace sdm {

// Errors. TypeError where `type`: a value of the wrong type, or a forged object.
napi_value MakeError(napi_env env, const Error &error, bool type = false);
bool Throw(napi_env env, const Error &error, bool type = false);
bool ThrowType(napi_env env, const std::string &message);
bool ThrowInput(napi_env env, const std::string &message);
// Turns a status that is not napi_ok into an exception, if there is none yet.
bool Ok(napi_env env, napi_status status);
// The pending exception as a rejected promise.
napi_value RejectPending(napi_env env);

// Values. `what` names the value in messages.
napi_value Undefined(napi_env env);
bool IsUndefined(napi_env env, napi_value value);
bool ReadUint64(napi_env env, napi_value value, const char *what, uint64_t *result);
bool ReadInteger(napi_env env, napi_value value, const char *what, double least, double most,
                 double *result);
bool ReadBoolean(napi_env env, napi_value value, const char *what, bool *result);
// Without NUL, `most` bytes of UTF-8 at most.
bool ReadString(napi_env env, napi_value value, const char *what, size_t most, std::string *result);
bool ReadPath(napi_env env, napi_value value, const char *what, std::string *result);

// Objects. `name` may be absent (undefined): `present` tells.
bool CheckObject(napi_env env, napi_value value, const char *what);
bool GetOptional(napi_env env, napi_value object, const char *name, napi_value *value,
                 bool *present);
bool SetNamed(napi_env env, napi_value object, const char *name, napi_value value);
bool SetUint64(napi_env env, napi_value object, const char *name, uint64_t value);
bool SetDouble(napi_env env, napi_value object, const char *name, double value);

// The arguments of a call; those that are missing are undefined.
template <size_t N>
struct Arguments {
  napi_value self = nullptr;
  napi_value at[N] = {};
  void *data = nullptr;

  bool Read(napi_env env, napi_callback_info info) {
    size_t count = N;
    return Ok(env, napi_get_cb_info(env, info, &count, at, &self, &data));
  }
};

}  // namespace sdm

#endif  // SDM_NAPI_UTIL_H
