// SPDX-License-Identifier: Apache-2.0
//
// writeWithDeadline()
#include <memory>
#include <string>
#include <utility>

#include "../deadline_write.h"
#include "addon.h"
#include "thread_job.h"

namespace sdm {
namespace {

constexpr size_t kMostText = 1 << 20;
constexpr double kMostTimeoutMs = 0x7fffffff;

class WriteJob : public ThreadJob {
 public:
  WriteJob(std::string path, std::string text, int64_t timeout_ms)
      : write_(std::move(path), std::move(text), timeout_ms) {}

 protected:
  void Run() override { written_ = write_.Run(&error_); }
  void Cancel() override { write_.Cancel(); }
  napi_value Settle(napi_env env, bool *rejected) override {
    *rejected = !written_;
    return written_ ? Undefined(env) : MakeError(env, error_);
  }

 private:
  DeadlineWrite write_;
  bool written_ = false;
  Error error_;
};

napi_value WriteWithDeadline(napi_env env, napi_callback_info info) {
  Arguments<3> arguments;
  std::string path;
  std::string text;
  double timeout_ms;
  if (!arguments.Read(env, info) || !ReadPath(env, arguments.at[0], "path", &path) ||
      !ReadString(env, arguments.at[1], "text", kMostText, &text) ||
      !ReadInteger(env, arguments.at[2], "timeoutMs", 1, kMostTimeoutMs, &timeout_ms)) {
    return RejectPending(env);
  }
  auto job = std::make_unique<WriteJob>(std::move(path), std::move(text),
                                        static_cast<int64_t>(timeout_ms));
  const napi_value promise = ThreadJob::Start(env, std::move(job), "sdm:writeWithDeadline");
  return promise != nullptr ? promise : RejectPending(env);
}

}  // namespace

bool InitDeadlineWrite(napi_env env, napi_value exports) {
  return ExportFunction(env, exports, "writeWithDeadline", WriteWithDeadline);
}

}  // namespace sdm
