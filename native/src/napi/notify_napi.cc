// SPDX-License-Identifier: Apache-2.0
//
// sdNotify()
#include <string>

#include "../notify.h"
#include "addon.h"

namespace sdm {
namespace {

constexpr size_t kMostState = 4096;

// From process.env and not getenv(): in a worker only that is safe, and the worker's own.
bool ReadNotifySocket(napi_env env, std::string *address) {
  napi_value global;
  napi_value process;
  napi_value variables;
  napi_value value;
  bool present;
  if (!Ok(env, napi_get_global(env, &global)) ||
      !Ok(env, napi_get_named_property(env, global, "process", &process)) ||
      !Ok(env, napi_get_named_property(env, process, "env", &variables)) ||
      !GetOptional(env, variables, "NOTIFY_SOCKET", &value, &present)) {
    return false;
  }
  return !present || ReadString(env, value, "NOTIFY_SOCKET", kMostState, address);
}

napi_value SdNotify(napi_env env, napi_callback_info info) {
  Arguments<1> arguments;
  std::string state;
  std::string address;
  if (!arguments.Read(env, info) ||
      !ReadString(env, arguments.at[0], "state", kMostState, &state)) {
    return nullptr;
  }
  if (state.empty()) return ThrowInput(env, "state must not be empty"), nullptr;
  if (!ReadNotifySocket(env, &address)) return nullptr;
  Error error;
  if (!address.empty() && !Notify(address, state, &error)) return Throw(env, error), nullptr;
  napi_value sent = nullptr;
  Ok(env, napi_get_boolean(env, !address.empty(), &sent));
  return sent;
}

}  // namespace

bool InitNotify(napi_env env, napi_value exports) {
  return ExportFunction(env, exports, "sdNotify", SdNotify);
}

}  // namespace sdm
