// SPDX-License-Identifier: Apache-2.0
//
// The methods of MemoryMap that run on a thread of their own.
#include <atomic>
#include <memory>
#include <utility>

#include "../bulk.h"
#include "abort.h"
#include "addon.h"
#include "thread_job.h"

namespace sdm {
namespace {

class BulkJob : public ThreadJob {
 public:
  BulkJob(Bulk::Request request, Bulk::Kind kind) : bulk_(std::move(request)), kind_(kind) {}

  // `signal` and `onProgress` of the options.
  bool ReadHooks(napi_env env, napi_value options) {
    napi_value progress;
    bool present;
    if (!abort_.Read(env, options) ||
        !GetOptional(env, options, "onProgress", &progress, &present)) {
      return false;
    }
    if (!present) return true;
    napi_valuetype type;
    if (!Ok(env, napi_typeof(env, progress, &type))) return false;
    if (type != napi_function) return ThrowType(env, "onProgress must be a function");
    return Ok(env, napi_create_reference(env, progress, 1, &progress_));
  }

  void Release(napi_env env) override {
    abort_.Release(env);
    if (progress_ != nullptr) napi_delete_reference(env, progress_);
    if (thrown_ != nullptr) napi_delete_reference(env, thrown_);
    progress_ = thrown_ = nullptr;
  }

 protected:
  void Run() override {
    for (;;) {
      if (abort_.IsSet() || cancelled_.load(std::memory_order_relaxed)) return;
      if (!bulk_.Step()) break;
      done_.store(bulk_.done(), std::memory_order_relaxed);
      if (progress_ != nullptr) Report();
    }
    complete_ = true;
  }

  void Cancel() override { cancelled_.store(true, std::memory_order_relaxed); }

  void Progress(napi_env env) override {
    const uint64_t done = done_.load(std::memory_order_relaxed);
    napi_value function;
    napi_value argument;
    if (progress_ == nullptr || thrown_ != nullptr || done == told_) return;
    told_ = done;
    if (napi_get_reference_value(env, progress_, &function) != napi_ok ||
        napi_create_bigint_uint64(env, done, &argument) != napi_ok) {
      return;
    }
    const napi_status status =
        napi_call_function(env, Undefined(env), function, 1, &argument, nullptr);
    napi_value reason;
    if (status != napi_ok && napi_get_and_clear_last_exception(env, &reason) == napi_ok) {
      // What it threw becomes the promise's.
      Cancel();
      napi_create_reference(env, Wrap(env, reason), 1, &thrown_);
    }
  }

  napi_value Settle(napi_env env, bool *rejected) override {
    *rejected = true;
    napi_value reason = nullptr;
    if (thrown_ != nullptr) {
      napi_value box;
      napi_get_reference_value(env, thrown_, &box);
      napi_get_element(env, box, 0, &reason);
      return reason;
    }
    if (!complete_) return abort_.Reason(env);
    *rejected = false;
    return Result(env);
  }

 private:
  // A reference holds objects only, and anything can be thrown.
  static napi_value Wrap(napi_env env, napi_value value) {
    napi_value box = nullptr;
    napi_create_array_with_length(env, 1, &box);
    napi_set_element(env, box, 0, value);
    return box;
  }

  napi_value Result(napi_env env) const {
    napi_value value = nullptr;
    switch (kind_) {
      case Bulk::Kind::kFill:
      case Bulk::Kind::kCopy:
        return Undefined(env);
      case Bulk::Kind::kChecksum:
        napi_create_bigint_uint64(env, bulk_.digest(), &value);
        return value;
      case Bulk::Kind::kCompare:
      case Bulk::Kind::kFindOther:
        break;
    }
    if (bulk_.found()) {
      napi_create_bigint_uint64(env, bulk_.position(), &value);
    } else {
      napi_create_bigint_int64(env, -1, &value);
    }
    return value;
  }

  Bulk bulk_;
  const Bulk::Kind kind_;
  AbortListener abort_;
  napi_ref progress_ = nullptr;
  napi_ref thrown_ = nullptr;
  std::atomic<bool> cancelled_{false};
  std::atomic<uint64_t> done_{0};
  uint64_t told_ = 0;      // the environment's thread only
  bool complete_ = false;  // read after the join
};

bool ReadRange(napi_env env, napi_value options, bool has_options, Bulk::Request *request) {
  napi_value value;
  bool present = false;
  if (has_options) {
    if (!CheckObject(env, options, "options") ||
        !GetOptional(env, options, "offset", &value, &present) ||
        (present && !ReadUint64(env, value, "offset", &request->offset)) ||
        !GetOptional(env, options, "length", &value, &present)) {
      return false;
    }
  }
  if (present) return ReadUint64(env, value, "length", &request->length);
  const uint64_t whole = request->target->length();
  request->length = request->offset <= whole ? whole - request->offset : 0;
  return true;
}

napi_value StartBulk(napi_env env, Bulk::Request request, napi_value options) {
  const bool has_options = !IsUndefined(env, options);
  if (!ReadRange(env, options, has_options, &request)) return nullptr;
  Error error;
  if (!Bulk::Check(request, &error)) return Throw(env, error), nullptr;
  const Bulk::Kind kind = request.kind;
  auto job = std::make_unique<BulkJob>(std::move(request), kind);
  if (has_options && !job->ReadHooks(env, options)) {
    ThreadJob::Drop(env, std::move(job));
    return nullptr;
  }
  return ThreadJob::Start(env, std::move(job), "sdm:bulk");
}

// What each method reads before its options.
bool ReadOther(napi_env env, const napi_value *arguments, Bulk::Request *request) {
  request->other = MappingOf(env, arguments[0], "the other mapping");
  return request->other != nullptr &&
         ReadUint64(env, arguments[1], "the other offset", &request->other_offset);
}

napi_value Method(napi_env env, napi_callback_info info, Bulk::Kind kind) {
  Arguments<3> arguments;
  Bulk::Request request;
  request.kind = kind;
  if (!arguments.Read(env, info)) return RejectPending(env);
  request.target = MappingOf(env, arguments.self, "this");
  if (request.target == nullptr) return RejectPending(env);
  size_t options = 0;
  if (kind == Bulk::Kind::kFill || kind == Bulk::Kind::kFindOther) {
    options = 1;
    if (!ReadUint64(env, arguments.at[0], "word", &request.word)) return RejectPending(env);
  } else if (kind == Bulk::Kind::kCopy || kind == Bulk::Kind::kCompare) {
    options = 2;
    if (!ReadOther(env, arguments.at, &request)) return RejectPending(env);
  }
  const napi_value promise = StartBulk(env, std::move(request), arguments.at[options]);
  return promise != nullptr ? promise : RejectPending(env);
}

}  // namespace

napi_value MapFill(napi_env env, napi_callback_info info) {
  return Method(env, info, Bulk::Kind::kFill);
}
napi_value MapCopyFrom(napi_env env, napi_callback_info info) {
  return Method(env, info, Bulk::Kind::kCopy);
}
napi_value MapChecksum(napi_env env, napi_callback_info info) {
  return Method(env, info, Bulk::Kind::kChecksum);
}
napi_value MapCompare(napi_env env, napi_callback_info info) {
  return Method(env, info, Bulk::Kind::kCompare);
}
napi_value MapFindOther(napi_env env, napi_callback_info info) {
  return Method(env, info, Bulk::Kind::kFindOther);
}

}  // namespace sdm
