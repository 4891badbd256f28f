// SPDX-License-Identifier: Apache-2.0
//
// openRegisters(), formatRegisters() and class RegisterBlock.
#include "../../abi/memport.h"
#include "../registers.h"
#include "addon.h"
#include "register_options.h"
#include "staging.h"

namespace sdm {
namespace {

constexpr ClassInfo kClass = {{0x9f0f3a52d3c1461b, 0xa5e06c4be83f7d10}, "RegisterBlock"};
constexpr double kDeadlineMs = 100;
constexpr double kMostDeadlineMs = 60000;

// Held by the JavaScript object and by its program() function.
struct Handle {
  napi_env env;
  std::unique_ptr<RegisterBlock> block;  // null once closed
  Staging staging;

  ~Handle() { staging.Release(env); }
};
using HandlePointer = std::shared_ptr<Handle>;

void FinalizeHandle(napi_env, void *data, void *) { delete static_cast<HandlePointer *>(data); }

void FinalizeFunction(napi_env, void *, void *hint) { delete static_cast<HandlePointer *>(hint); }

napi_value ConstructBlock(napi_env env, napi_callback_info info) {
  return Construct(env, info, kClass, FinalizeHandle);
}

bool ThrowClosed(napi_env env) {
  Error error;
  Fail(&error, Code::SDM_CLOSED, "this register block was closed");
  return Throw(env, error);
}

bool ThrowReadOnly(napi_env env) {
  Error error;
  Fail(&error, Code::SDM_READ_ONLY, "this register block was opened with writable: false");
  return Throw(env, error);
}

template <size_t N>
RegisterBlock *BlockOf(napi_env env, napi_callback_info info, Arguments<N> *arguments) {
  if (!arguments->Read(env, info)) return nullptr;
  void *const native = Unwrap(env, arguments->self, kClass, "this");
  if (native == nullptr) return nullptr;
  RegisterBlock *const block = (*static_cast<HandlePointer *>(native))->block.get();
  if (block == nullptr) ThrowClosed(env);
  return block;
}

// The slow half of program(): arguments that are not plain, and everything that throws.
bool ReadProgramArguments(napi_env env, const napi_value *argv, const RegisterBlock *block,
                          double *count, double *deadline_ms) {
  if (block == nullptr) return ThrowClosed(env);
  if (!block->writable()) return ThrowReadOnly(env);
  return ReadInteger(env, argv[0], "count", 0, block->nports(), count) &&
         (IsUndefined(env, argv[1]) ||
          ReadInteger(env, argv[1], "deadlineMs", 0, kMostDeadlineMs, deadline_ms));
}

bool ThrowInvalidEntry(napi_env env, const RegisterBlock *block, uint32_t index) {
  return ThrowInput(env, "entry " + std::to_string(index) +
                             " of the staging buffer names no memport (there are " +
                             std::to_string(block->nports()) +
                             "), or its SET is neither 0 nor 1; nothing was programmed");
}

// program(count, deadlineMs): the fast path. It is bound to its block by its data, so that there is
// no `this` to check, and the staging buffer cannot be detached. A call costs about as much as three
// memports, so what plain arguments do not need is elsewhere.
napi_value BlockProgram(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  void *data;
  double number = 0;
  double deadline_ms = kDeadlineMs;
  if (napi_get_cb_info(env, info, &argc, argv, nullptr, &data) != napi_ok) return nullptr;
  const Handle *const handle = static_cast<Handle *>(data);
  RegisterBlock *const block = handle->block.get();
  const bool plain = argc == 1 && block != nullptr && block->writable() &&
                     napi_get_value_double(env, argv[0], &number) == napi_ok && number >= 0 &&
                     number <= block->nports() && static_cast<uint32_t>(number) == number;
  if (__builtin_expect(!plain, 0) &&
      !ReadProgramArguments(env, argv, block, &number, &deadline_ms)) {
    return nullptr;
  }
  const uint32_t count = static_cast<uint32_t>(number);
  uint64_t *const words = handle->staging.words();
  const uint32_t invalid = block->FirstInvalid(words, count);
  if (__builtin_expect(invalid != count, 0)) return ThrowInvalidEntry(env, block, invalid), nullptr;
  napi_value result = nullptr;
  napi_create_uint32(env, block->Program(words, count, deadline_ms), &result);
  return result;
}

napi_value BlockSnapshot(napi_env env, napi_callback_info info) {
  Arguments<1> arguments;
  RegisterBlock *const block = BlockOf(env, info, &arguments);
  if (block == nullptr) return nullptr;
  bool is_typed_array = false;
  if (!Ok(env, napi_is_typedarray(env, arguments.at[0], &is_typed_array))) return nullptr;
  napi_typedarray_type type = napi_int8_array;
  size_t words = 0;
  void *data = nullptr;
  if (is_typed_array && !Ok(env, napi_get_typedarray_info(env, arguments.at[0], &type, &words,
                                                          &data, nullptr, nullptr))) {
    return nullptr;
  }
  if (type != napi_biguint64_array) {
    ThrowType(env, "a snapshot goes into a BigUint64Array");
    return nullptr;
  }
  if (words < block->snapshot_words() || data == nullptr) {
    Error error;
    Fail(&error, Code::SDM_RANGE,
         "a snapshot of this block has " + std::to_string(block->snapshot_words()) +
             " words, and the array has room for " + std::to_string(words));
    Throw(env, error);
    return nullptr;
  }
  block->Snapshot(static_cast<uint64_t *>(data));
  return nullptr;
}

napi_value BlockRead(napi_env env, napi_callback_info info) {
  Arguments<1> arguments;
  RegisterBlock *const block = BlockOf(env, info, &arguments);
  if (block == nullptr) return nullptr;
  double offset;
  const double last = static_cast<double>(block->length() - 8);
  if (!ReadInteger(env, arguments.at[0], "offset", 0, 0x1p53, &offset)) return nullptr;
  Error error;
  if (static_cast<uint64_t>(offset) % 8 != 0) {
    Fail(&error, Code::SDM_ALIGNMENT, "offset of a register must be a multiple of 8");
    return Throw(env, error), nullptr;
  }
  if (offset > last) {
    Fail(&error, Code::SDM_RANGE,
         "offset " + std::to_string(static_cast<uint64_t>(offset)) +
             " is outside of this block, which has " + std::to_string(block->length()) + " bytes");
    return Throw(env, error), nullptr;
  }
  napi_value result = nullptr;
  Ok(env, napi_create_bigint_uint64(env, block->Read(static_cast<size_t>(offset)), &result));
  return result;
}

napi_value BlockWriteEpoch(napi_env env, napi_callback_info info) {
  Arguments<1> arguments;
  RegisterBlock *const block = BlockOf(env, info, &arguments);
  uint64_t epoch;
  if (block == nullptr) return nullptr;
  if (!block->writable()) return ThrowReadOnly(env), nullptr;
  if (ReadUint64(env, arguments.at[0], "epoch", &epoch)) block->WriteEpoch(epoch);
  return nullptr;
}

napi_value BlockResetLink(napi_env env, napi_callback_info info) {
  Arguments<1> arguments;
  RegisterBlock *const block = BlockOf(env, info, &arguments);
  double transceiver;
  if (block == nullptr) return nullptr;
  if (!block->writable()) return ThrowReadOnly(env), nullptr;
  const uint64_t count = block->header().ntransceivers;
  if (count == 0) return ThrowInput(env, "this block has no transceivers"), nullptr;
  if (ReadInteger(env, arguments.at[0], "transceiver", 0, static_cast<double>(count - 1),
                  &transceiver)) {
    block->ResetLink(static_cast<unsigned>(transceiver));
  }
  return nullptr;
}

napi_value BlockClose(napi_env env, napi_callback_info info) {
  Arguments<1> arguments;
  if (!arguments.Read(env, info)) return nullptr;
  void *const native = Unwrap(env, arguments.self, kClass, "this");
  if (native != nullptr) (*static_cast<HandlePointer *>(native))->block.reset();
  return nullptr;
}

napi_value MakeInfo(napi_env env, const sdm_header &header) {
  napi_value info;
  napi_value passive;
  const bool is_passive = (header.features >> SDM_FEATURE_PASSIVE & 1) != 0;
  const bool made =
      Ok(env, napi_create_object(env, &info)) &&
      SetDouble(env, info, "version", static_cast<double>(header.id >> SDM_ID_VERSION_SHIFT)) &&
      SetUint64(env, info, "features", header.features) &&
      SetDouble(env, info, "nports", static_cast<double>(header.nports)) &&
      SetUint64(env, info, "windowBase", header.window_base) &&
      SetUint64(env, info, "windowSize", header.window_size) &&
      SetUint64(env, info, "remoteSize", header.remote_size) &&
      SetUint64(env, info, "granule", header.granule) &&
      SetDouble(env, info, "ntransceivers", static_cast<double>(header.ntransceivers)) &&
      Ok(env, napi_get_boolean(env, is_passive, &passive)) &&
      SetNamed(env, info, "passive", passive) && Ok(env, napi_object_freeze(env, info));
  return made ? info : nullptr;
}

// program() is a function of each object's own.
napi_value MakeProgram(napi_env env, const HandlePointer &handle) {
  napi_value function;
  if (!Ok(env, napi_create_function(env, "program", NAPI_AUTO_LENGTH, BlockProgram, handle.get(),
                                    &function))) {
    return nullptr;
  }
  auto held = std::make_unique<HandlePointer>(handle);
  if (!Ok(env, napi_add_finalizer(env, function, handle.get(), FinalizeFunction, held.get(),
                                  nullptr))) {
    return nullptr;
  }
  held.release();
  return function;
}

napi_value OpenRegisters(napi_env env, napi_callback_info info) {
  Arguments<2> arguments;
  Source source;
  RegisterBlock::Options options;
  if (!arguments.Read(env, info) || !ReadSource(env, arguments.at[0], &source) ||
      !ReadOpenOptions(env, arguments.at[1], &options)) {
    return nullptr;
  }
  Error error;
  const HandlePointer handle(new Handle{env, RegisterBlock::Open(source, options, &error), {}});
  if (handle->block == nullptr) return Throw(env, error), nullptr;
  const napi_value staging = handle->staging.Create(env, handle->block->nports() * kStagingWords);
  if (staging == nullptr) return nullptr;
  const napi_value program = MakeProgram(env, handle);
  const napi_value header = MakeInfo(env, handle->block->header());
  if (program == nullptr || header == nullptr) return nullptr;

  auto held = std::make_unique<HandlePointer>(handle);
  const napi_value object = NewInstance(env, GetAddon(env)->register_block, held.get());
  if (object == nullptr) return nullptr;
  held.release();
  const napi_property_descriptor own[] = {
      {"info", nullptr, nullptr, nullptr, nullptr, header, napi_enumerable, nullptr},
      {"staging", nullptr, nullptr, nullptr, nullptr, staging, napi_enumerable, nullptr},
      {"program", nullptr, nullptr, nullptr, nullptr, program, napi_default, nullptr},
  };
  return Ok(env, napi_define_properties(env, object, 3, own)) ? object : nullptr;
}

napi_value FormatRegisters(napi_env env, napi_callback_info info) {
  Arguments<2> arguments;
  Source source;
  FormatRequest request;
  if (!arguments.Read(env, info) || !ReadSource(env, arguments.at[0], &source) ||
      !ReadFormatOptions(env, arguments.at[1], &request)) {
    return nullptr;
  }
  Error error;
  sdm_header header;
  if (!FormatBlock(source, request, &header, &error)) return Throw(env, error), nullptr;
  return MakeInfo(env, header);
}

}  // namespace

bool InitRegisters(napi_env env, Addon *addon, napi_value exports) {
  const napi_property_descriptor methods[] = {
      {"snapshot", nullptr, BlockSnapshot, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"read", nullptr, BlockRead, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"writeEpoch", nullptr, BlockWriteEpoch, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"resetLink", nullptr, BlockResetLink, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"close", nullptr, BlockClose, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  return DefineClass(env, kClass, ConstructBlock, methods, 5, &addon->register_block) &&
         ExportFunction(env, exports, "openRegisters", OpenRegisters) &&
         ExportFunction(env, exports, "formatRegisters", FormatRegisters);
}

}  // namespace sdm
