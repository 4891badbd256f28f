// SPDX-License-Identifier: Apache-2.0
//
// mapMemory() and class MemoryMap; its bulk methods are in bulk_napi.cc.
#include <string.h>

#include "../mmio.h"
#include "addon.h"

namespace sdm {
namespace {

constexpr ClassInfo kClass = {{0x3c57a2be1f984d06, 0x8be4f0716d2ac953}, "MemoryMap"};
constexpr size_t kMostSynchronous = 1 << 20;

struct Handle {
  std::shared_ptr<Mapping> mapping;  // null once closed
};

void FinalizeHandle(napi_env, void *data, void *) { delete static_cast<Handle *>(data); }

napi_value ConstructMap(napi_env env, napi_callback_info info) {
  return Construct(env, info, kClass, FinalizeHandle);
}

bool ReadMapOptions(napi_env env, napi_value value, Mapping::Request *request) {
  napi_value property;
  bool present;
  if (!CheckObject(env, value, "options") ||
      !GetOptional(env, value, "path", &property, &present) ||
      !ReadPath(env, property, "path", &request->path) ||
      !GetOptional(env, value, "length", &property, &present) ||
      !ReadUint64(env, property, "length", &request->length) ||
      !GetOptional(env, value, "offset", &property, &present) ||
      (present && !ReadUint64(env, property, "offset", &request->offset)) ||
      !GetOptional(env, value, "writable", &property, &present)) {
    return false;
  }
  return !present || ReadBoolean(env, property, "writable", &request->writable);
}

napi_value MapMemory(napi_env env, napi_callback_info info) {
  Arguments<1> arguments;
  Mapping::Request request;
  if (!arguments.Read(env, info) || !ReadMapOptions(env, arguments.at[0], &request)) return nullptr;
  Error error;
  auto handle = std::make_unique<Handle>();
  handle->mapping = Mapping::Open(request, &error);
  if (handle->mapping == nullptr) return Throw(env, error), nullptr;
  const napi_value object = NewInstance(env, GetAddon(env)->memory_map, handle.get());
  if (object == nullptr) return nullptr;
  handle.release();
  napi_value length;
  if (!Ok(env, napi_create_bigint_uint64(env, request.length, &length))) return nullptr;
  const napi_property_descriptor own = {"length", nullptr, nullptr,         nullptr,
                                        nullptr,  length,  napi_enumerable, nullptr};
  return Ok(env, napi_define_properties(env, object, 1, &own)) ? object : nullptr;
}

// The arguments of read() and write().
struct Copy {
  std::shared_ptr<Mapping> mapping;
  uint8_t *mapped;
  uint8_t *array;
  size_t length;
};

bool ReadCopy(napi_env env, napi_callback_info info, Copy *copy) {
  Arguments<2> arguments;
  uint64_t offset;
  if (!arguments.Read(env, info)) return false;
  copy->mapping = MappingOf(env, arguments.self, "this");
  if (copy->mapping == nullptr || !ReadUint64(env, arguments.at[0], "offset", &offset)) return false;

  bool is_typed_array = false;
  napi_typedarray_type type = napi_int8_array;
  void *data = nullptr;
  if (!Ok(env, napi_is_typedarray(env, arguments.at[1], &is_typed_array))) return false;
  if (is_typed_array && !Ok(env, napi_get_typedarray_info(env, arguments.at[1], &type,
                                                          &copy->length, &data, nullptr, nullptr))) {
    return false;
  }
  if (type != napi_uint8_array) return ThrowType(env, "bytes must be a Uint8Array");
  Error error;
  if (offset % 8 != 0 || copy->length % 8 != 0) {
    Fail(&error, Code::SDM_ALIGNMENT,
         "offset " + std::to_string(offset) + " and the array's length " +
             std::to_string(copy->length) + " must be multiples of 8");
    return Throw(env, error);
  }
  if (copy->length > kMostSynchronous || offset > copy->mapping->length() ||
      copy->length > copy->mapping->length() - offset) {
    Fail(&error, Code::SDM_RANGE,
         std::to_string(copy->length) + " bytes at offset " + std::to_string(offset) +
             " are more than " + std::to_string(kMostSynchronous) +
             ", or leave the mapping, which has " + std::to_string(copy->mapping->length()));
    return Throw(env, error);
  }
  copy->mapped = copy->mapping->data() + offset;
  copy->array = static_cast<uint8_t *>(data);
  return true;
}

napi_value MapRead(napi_env env, napi_callback_info info) {
  Copy copy;
  if (!ReadCopy(env, info, &copy)) return nullptr;
  for (size_t i = 0; i < copy.length; i += 8) {
    const uint64_t word = sdm_load64(copy.mapped + i);
    memcpy(copy.array + i, &word, 8);
  }
  return nullptr;
}

napi_value MapWrite(napi_env env, napi_callback_info info) {
  Copy copy;
  if (!ReadCopy(env, info, &copy)) return nullptr;
  if (!copy.mapping->writable()) {
    Error error;
    Fail(&error, Code::SDM_READ_ONLY, "the mapping is read-only; map it with writable: true");
    return Throw(env, error), nullptr;
  }
  for (size_t i = 0; i < copy.length; i += 8) {
    uint64_t word;
    memcpy(&word, copy.array + i, 8);
    sdm_store64(copy.mapped + i, word);
  }
  return nullptr;
}

napi_value MapClose(napi_env env, napi_callback_info info) {
  Arguments<1> arguments;
  if (!arguments.Read(env, info)) return nullptr;
  void *const native = Unwrap(env, arguments.self, kClass, "this");
  if (native != nullptr) static_cast<Handle *>(native)->mapping.reset();
  return nullptr;
}

}  // namespace

std::shared_ptr<Mapping> MappingOf(napi_env env, napi_value map, const char *what) {
  void *const native = Unwrap(env, map, kClass, what);
  if (native == nullptr) return nullptr;
  std::shared_ptr<Mapping> mapping = static_cast<Handle *>(native)->mapping;
  if (mapping == nullptr) {
    Error error;
    Fail(&error, Code::SDM_CLOSED, std::string(what) + ": this mapping was closed");
    Throw(env, error);
  }
  return mapping;
}

bool InitMemoryMap(napi_env env, Addon *addon, napi_value exports) {
  const napi_property_descriptor methods[] = {
      {"fill", nullptr, MapFill, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"copyFrom", nullptr, MapCopyFrom, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"checksum", nullptr, MapChecksum, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"compare", nullptr, MapCompare, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"findOther", nullptr, MapFindOther, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"read", nullptr, MapRead, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"write", nullptr, MapWrite, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"close", nullptr, MapClose, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  return DefineClass(env, kClass, ConstructMap, methods, 8, &addon->memory_map) &&
         ExportFunction(env, exports, "mapMemory", MapMemory);
}

}  // namespace sdm
