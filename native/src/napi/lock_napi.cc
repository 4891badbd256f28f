// SPDX-License-Identifier: Apache-2.0
//
// lockFile() and class FileLock.
#include "../file_lock.h"

#include "addon.h"

namespace sdm {
namespace {

constexpr ClassInfo kClass = {{0x51c8e0d7734a4f2b, 0xa96b1f3d80e5c247}, "FileLock"};

struct Handle {
  std::unique_ptr<FileLock> lock;  // null once closed
};

void FinalizeHandle(napi_env, void *data, void *) { delete static_cast<Handle *>(data); }

napi_value ConstructLock(napi_env env, napi_callback_info info) {
  return Construct(env, info, kClass, FinalizeHandle);
}

bool ReadLockOptions(napi_env env, napi_value value, bool *existing) {
  if (IsUndefined(env, value)) return true;
  napi_value property;
  bool present;
  if (!CheckObject(env, value, "options") ||
      !GetOptional(env, value, "existing", &property, &present)) {
    return false;
  }
  return !present || ReadBoolean(env, property, "existing", existing);
}

napi_value LockFile(napi_env env, napi_callback_info info) {
  Arguments<2> arguments;
  std::string path;
  bool existing = false;
  if (!arguments.Read(env, info) || !ReadPath(env, arguments.at[0], "path", &path) ||
      !ReadLockOptions(env, arguments.at[1], &existing)) {
    return nullptr;
  }
  Error error;
  auto handle = std::make_unique<Handle>();
  handle->lock = existing ? FileLock::TakeExisting(path, &error) : FileLock::Take(path, &error);
  if (handle->lock == nullptr) return Throw(env, error), nullptr;
  const napi_value object = NewInstance(env, GetAddon(env)->file_lock, handle.get());
  if (object != nullptr) handle.release();
  return object;
}

napi_value LockClose(napi_env env, napi_callback_info info) {
  Arguments<1> arguments;
  if (!arguments.Read(env, info)) return nullptr;
  void *const native = Unwrap(env, arguments.self, kClass, "this");
  if (native != nullptr) static_cast<Handle *>(native)->lock.reset();
  return nullptr;
}

}  // namespace

bool InitFileLock(napi_env env, Addon *addon, napi_value exports) {
  const napi_property_descriptor methods[] = {
      {"close", nullptr, LockClose, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  return DefineClass(env, kClass, ConstructLock, methods, 1, &addon->file_lock) &&
         ExportFunction(env, exports, "lockFile", LockFile);
}

}  // namespace sdm
