// SPDX-License-Identifier: Apache-2.0
#include "staging.h"

#include "util.h"

namespace sdm {
namespace {

napi_value ConstructGlobal(napi_env env, const char *name, napi_value argument) {
  napi_value global;
  napi_value constructor;
  napi_value instance;
  const bool made = Ok(env, napi_get_global(env, &global)) &&
                    Ok(env, napi_get_named_property(env, global, name, &constructor)) &&
                    Ok(env, napi_new_instance(env, constructor, 1, &argument, &instance));
  return made ? instance : nullptr;
}

}  // namespace

napi_value Staging::Create(napi_env env, size_t words) {
  napi_value bytes;
  if (!Ok(env, napi_create_double(env, static_cast<double>(words * 8), &bytes))) return nullptr;
  const napi_value buffer = ConstructGlobal(env, "SharedArrayBuffer", bytes);
  if (buffer == nullptr) return nullptr;
  const napi_value array = ConstructGlobal(env, "BigUint64Array", buffer);
  if (array == nullptr) return nullptr;

  // The globals may have been replaced: believe only what the engine says of the result.
  bool is_typed_array = false;
  bool detachable = true;
  if (!Ok(env, napi_is_typedarray(env, array, &is_typed_array))) return nullptr;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void *data = nullptr;
  napi_value under = nullptr;
  if (is_typed_array &&
      (!Ok(env, napi_get_typedarray_info(env, array, &type, &length, &data, &under, nullptr)) ||
       !Ok(env, napi_is_arraybuffer(env, under, &detachable)))) {
    return nullptr;
  }
  if (type != napi_biguint64_array || length != words || data == nullptr || detachable) {
    ThrowType(env, "SharedArrayBuffer or BigUint64Array was replaced by something else");
    return nullptr;
  }
  if (!Ok(env, napi_create_reference(env, under, 1, &buffer_))) return nullptr;
  words_ = static_cast<uint64_t *>(data);
  return array;
}

void Staging::Release(napi_env env) {
  if (buffer_ != nullptr) napi_delete_reference(env, buffer_);
  buffer_ = nullptr;
  words_ = nullptr;
}

}  // namespace sdm
