// SPDX-License-Identifier: Apache-2.0
//
// What one environment (the main thread, or a worker) keeps: there are no globals.
#ifndef SDM_NAPI_ADDON_H
#define SDM_NAPI_ADDON_H

#include <node_api.h>

#include <memory>

#include "../mapping.h"
#include "util.h"

namespace sdm {

struct Addon {
  napi_ref register_block = nullptr;  // constructors
  napi_ref memory_map = nullptr;
  napi_ref file_lock = nullptr;
  napi_ref file_range = nullptr;
  // What the constructor that is called next wraps. Null whenever JavaScript can call it.
  void *pending = nullptr;
};

Addon *GetAddon(napi_env env);

// A native type behind a class: its tag, which JavaScript cannot forge, and its names.
struct ClassInfo {
  napi_type_tag tag;
  const char *name;  // of the class
};

// Makes a class that only NewInstance() can construct. `finalize` gets what was wrapped.
bool DefineClass(napi_env env, const ClassInfo &info, napi_callback constructor,
                 const napi_property_descriptor *methods, size_t count, napi_ref *result);
// Wraps and tags `this` of a constructor call.
napi_value Construct(napi_env env, napi_callback_info info, const ClassInfo &type,
                     napi_finalize finalize);
// Takes over `native` if it succeeds.
napi_value NewInstance(napi_env env, napi_ref constructor, void *native);

// What was wrapped in `value`, or null with SDM_FORGED thrown.
void *Unwrap(napi_env env, napi_value value, const ClassInfo &type, const char *what);

// Parts of the addon's exports.
bool InitRegisters(napi_env env, Addon *addon, napi_value exports);
bool InitMemoryMap(napi_env env, Addon *addon, napi_value exports);
bool InitFileLock(napi_env env, Addon *addon, napi_value exports);
bool InitFileRange(napi_env env, Addon *addon, napi_value exports);
bool InitDeadlineWrite(napi_env env, napi_value exports);
bool InitNotify(napi_env env, napi_value exports);
bool ExportFunction(napi_env env, napi_value exports, const char *name, napi_callback function);

// The mapping of a MemoryMap, or null with SDM_FORGED or SDM_CLOSED thrown.
std::shared_ptr<Mapping> MappingOf(napi_env env, napi_value map, const char *what);

// The methods of MemoryMap that run on a thread of their own.
napi_value MapFill(napi_env env, napi_callback_info info);
napi_value MapCopyFrom(napi_env env, napi_callback_info info);
napi_value MapChecksum(napi_env env, napi_callback_info info);
napi_value MapCompare(napi_env env, napi_callback_info info);
napi_value MapFindOther(napi_env env, napi_callback_info info);

}  // namespace sdm

#endif  // SDM_NAPI_ADDON_H
