// SPDX-License-Identifier: Apache-2.0
//
// openRange() and class FileRange; its work runs on a thread of its own for each call.
#include <atomic>
#include <memory>
#include <utility>

#include "../file_range.h"
#include "abort.h"
#include "addon.h"
#include "thread_job.h"

namespace sdm {
namespace {

constexpr ClassInfo kClass = {{0x2a7e90c1d64b4f38, 0x9d15b7e2c803a46f}, "FileRange"};

struct Handle {
  std::shared_ptr<FileRange> range;  // null once closed
};

void FinalizeHandle(napi_env, void *data, void *) { delete static_cast<Handle *>(data); }

napi_value ConstructRange(napi_env env, napi_callback_info info) {
  return Construct(env, info, kClass, FinalizeHandle);
}

// What is done in steps, until it is done or somebody stops it.
template <typename Work>
class StepJob : public ThreadJob {
 public:
  explicit StepJob(Work work) : work_(std::move(work)) {}

  bool ReadSignal(napi_env env, napi_value options) { return abort_.Read(env, options); }
  void Release(napi_env env) override { abort_.Release(env); }

 protected:
  void Run() override {
    Scrub::Outcome outcome = Scrub::Outcome::kMore;
    while (outcome == Scrub::Outcome::kMore && !abort_.IsSet() &&
           !cancelled_.load(std::memory_order_relaxed)) {
      outcome = work_.Step(&error_);
    }
    complete_ = outcome == Scrub::Outcome::kDone;
    failed_ = outcome == Scrub::Outcome::kFailed;
    work_.Release();
  }

  void Cancel() override { cancelled_.store(true, std::memory_order_relaxed); }

  napi_value Settle(napi_env env, bool *rejected) override {
    *rejected = !complete_;
    if (failed_) return MakeError(env, error_);
    return complete_ ? Result(env, work_) : abort_.Reason(env);
  }

 private:
  static napi_value Place(napi_env env, bool found, uint64_t at) {
    napi_value value = nullptr;
    if (found) {
      napi_create_bigint_uint64(env, at, &value);
    } else {
      napi_create_bigint_int64(env, -1, &value);
    }
    return value;
  }

  static napi_value Result(napi_env env, const Scrub &scrub) {
    napi_value result = nullptr;
    napi_value punched = nullptr;
    napi_create_object(env, &result);
    napi_get_boolean(env, scrub.punched(), &punched);
    SetNamed(env, result, "punched", punched);
    SetNamed(env, result, "dataAt", Place(env, scrub.data(), scrub.data_at()));
    SetNamed(env, result, "otherAt", Place(env, scrub.other(), scrub.other_at()));
    return result;
  }

  static napi_value Result(napi_env env, const CountData &count) {
    napi_value value = nullptr;
    napi_create_bigint_uint64(env, count.bytes(), &value);
    return value;
  }

  Work work_;
  AbortListener abort_;
  std::atomic<bool> cancelled_{false};
  Error error_;            // these are read after the join
  bool complete_ = false;
  bool failed_ = false;
};

bool ReadPart(napi_env env, napi_value options, uint64_t *offset, uint64_t *length) {
  napi_value value;
  bool present;
  return CheckObject(env, options, "options") &&
         GetOptional(env, options, "offset", &value, &present) &&
         ReadUint64(env, value, "offset", offset) &&
         GetOptional(env, options, "length", &value, &present) &&
         ReadUint64(env, value, "length", length);
}

napi_value OpenRange(napi_env env, napi_callback_info info) {
  Arguments<2> arguments;
  std::string path;
  uint64_t offset;
  uint64_t length;
  if (!arguments.Read(env, info) || !ReadPath(env, arguments.at[0], "path", &path) ||
      !ReadPart(env, arguments.at[1], &offset, &length)) {
    return nullptr;
  }
  Error error;
  auto handle = std::make_unique<Handle>();
  handle->range = FileRange::Open(path, offset, length, &error);
  if (handle->range == nullptr) return Throw(env, error), nullptr;
  napi_value regular;
  if (!Ok(env, napi_get_boolean(env, handle->range->regular(), &regular))) return nullptr;
  const napi_value object = NewInstance(env, GetAddon(env)->file_range, handle.get());
  if (object == nullptr) return nullptr;
  handle.release();
  const napi_property_descriptor own = {"regular", nullptr, nullptr,         nullptr,
                                        nullptr,   regular, napi_enumerable, nullptr};
  return Ok(env, napi_define_properties(env, object, 1, &own)) ? object : nullptr;
}

std::shared_ptr<FileRange> RangeOf(napi_env env, napi_value self) {
  void *const native = Unwrap(env, self, kClass, "this");
  if (native == nullptr) return nullptr;
  std::shared_ptr<FileRange> range = static_cast<Handle *>(native)->range;
  if (range == nullptr) {
    Error error;
    Fail(&error, Code::SDM_CLOSED, "this range was closed");
    Throw(env, error);
  }
  return range;
}

template <typename Work>
napi_value Start(napi_env env, napi_callback_info info, const char *name) {
  Arguments<1> arguments;
  uint64_t offset;
  uint64_t length;
  if (!arguments.Read(env, info)) return RejectPending(env);
  std::shared_ptr<FileRange> range = RangeOf(env, arguments.self);
  if (range == nullptr || !ReadPart(env, arguments.at[0], &offset, &length)) {
    return RejectPending(env);
  }
  Error error;
  bool fits = range->Check(offset, length, &error);
  if (fits && !range->regular()) {
    fits = Fail(&error, Code::SDM_INPUT, range->path() + " is a device: map it");
  }
  if (!fits) return Throw(env, error), RejectPending(env);
  auto job = std::make_unique<StepJob<Work>>(Work(std::move(range), offset, length));
  if (!job->ReadSignal(env, arguments.at[0])) {
    ThreadJob::Drop(env, std::move(job));
    return RejectPending(env);
  }
  const napi_value promise = ThreadJob::Start(env, std::move(job), name);
  return promise != nullptr ? promise : RejectPending(env);
}

napi_value RangeScrub(napi_env env, napi_callback_info info) {
  return Start<Scrub>(env, info, "sdm:scrub");
}

napi_value RangeAllocated(napi_env env, napi_callback_info info) {
  return Start<CountData>(env, info, "sdm:allocated");
}

napi_value RangeClose(napi_env env, napi_callback_info info) {
  Arguments<1> arguments;
  if (!arguments.Read(env, info)) return nullptr;
  void *const native = Unwrap(env, arguments.self, kClass, "this");
  if (native != nullptr) static_cast<Handle *>(native)->range.reset();
  return nullptr;
}

}  // namespace

bool InitFileRange(napi_env env, Addon *addon, napi_value exports) {
  const napi_property_descriptor methods[] = {
      {"scrub", nullptr, RangeScrub, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"allocated", nullptr, RangeAllocated, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"close", nullptr, RangeClose, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  return DefineClass(env, kClass, ConstructRange, methods, 3, &addon->file_range) &&
         ExportFunction(env, exports, "openRange", OpenRange);
}

}  // namespace sdm
