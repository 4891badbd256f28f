// SPDX-License-Identifier: Apache-2.0
#include "addon.h"

namespace sdm {

Addon *GetAddon(napi_env env) {
  void *data = nullptr;
  if (!Ok(env, napi_get_instance_data(env, &data))) return nullptr;
  return static_cast<Addon *>(data);
}

bool DefineClass(napi_env env, const ClassInfo &info, napi_callback constructor,
                 const napi_property_descriptor *methods, size_t count, napi_ref *result) {
  napi_value value;
  napi_value prototype;
  // Not as methods of the class: the engine would then refuse a foreign `this` by itself, with an
  // error that has no code.
  return Ok(env, napi_define_class(env, info.name, NAPI_AUTO_LENGTH, constructor, nullptr, 0,
                                   nullptr, &value)) &&
         Ok(env, napi_get_named_property(env, value, "prototype", &prototype)) &&
         Ok(env, napi_define_properties(env, prototype, count, methods)) &&
         Ok(env, napi_create_reference(env, value, 1, result));
}

napi_value Construct(napi_env env, napi_callback_info info, const ClassInfo &type,
                     napi_finalize finalize) {
  Arguments<1> arguments;
  Addon *const addon = GetAddon(env);
  if (addon == nullptr || !arguments.Read(env, info)) return nullptr;
  void *const native = addon->pending;
  if (native == nullptr) {
    ThrowType(env, std::string(type.name) + " cannot be constructed; open one instead");
    return nullptr;
  }
  if (!Ok(env, napi_type_tag_object(env, arguments.self, &type.tag))) return nullptr;
  if (!Ok(env, napi_wrap(env, arguments.self, native, finalize, nullptr, nullptr))) return nullptr;
  addon->pending = nullptr;  // it is the object's now
  return arguments.self;
}

napi_value NewInstance(napi_env env, napi_ref constructor, void *native) {
  Addon *const addon = GetAddon(env);
  napi_value function;
  napi_value instance;
  if (addon == nullptr || !Ok(env, napi_get_reference_value(env, constructor, &function))) {
    return nullptr;
  }
  addon->pending = native;
  const bool made = Ok(env, napi_new_instance(env, function, 0, nullptr, &instance));
  addon->pending = nullptr;
  return made ? instance : nullptr;
}

void *Unwrap(napi_env env, napi_value value, const ClassInfo &type, const char *what) {
  napi_valuetype kind;
  bool ours = false;
  void *native = nullptr;
  if (napi_typeof(env, value, &kind) == napi_ok && kind == napi_object &&
      napi_check_object_type_tag(env, value, &type.tag, &ours) == napi_ok && ours &&
      napi_unwrap(env, value, &native) == napi_ok) {
    return native;
  }
  Error error;
  Fail(&error, Code::SDM_FORGED,
       std::string(what) + " must be a " + type.name + " that this addon made");
  Throw(env, error, true);
  return nullptr;
}

bool ExportFunction(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value value;
  return Ok(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value)) &&
         SetNamed(env, exports, name, value);
}

}  // namespace sdm

static void DeleteAddon(napi_env env, void *data, void *) {
  sdm::Addon *const addon = static_cast<sdm::Addon *>(data);
  for (const napi_ref ref : {addon->register_block, addon->memory_map, addon->file_lock,
                             addon->file_range}) {
    if (ref != nullptr) napi_delete_reference(env, ref);
  }
  delete addon;
}

NAPI_MODULE_INIT() {
  sdm::Addon *const addon = new sdm::Addon();
  if (!sdm::Ok(env, napi_set_instance_data(env, addon, DeleteAddon, nullptr))) {
    delete addon;
    return nullptr;
  }
  const bool ready = sdm::InitRegisters(env, addon, exports) &&
                     sdm::InitMemoryMap(env, addon, exports) &&
                     sdm::InitFileLock(env, addon, exports) &&
                     sdm::InitFileRange(env, addon, exports) &&
                     sdm::InitDeadlineWrite(env, exports) && sdm::InitNotify(env, exports);
  return ready ? exports : nullptr;
}
