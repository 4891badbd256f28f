// SPDX-License-Identifier: Apache-2.0
#ifndef SDM_NAPI_STAGING_H
#define SDM_NAPI_STAGING_H

#include <node_api.h>
#include <stddef.h>
#include <stdint.h>

namespace sdm {

// A BigUint64Array whose memory the addon reads at any time. It lies over a SharedArrayBuffer,
// which, unlike an ArrayBuffer, JavaScript cannot detach, transfer or resize: its address holds as
// long as the reference does, and no call has to ask for it.
class Staging {
 public:
  // The array, or null with an exception pending.
  napi_value Create(napi_env env, size_t words);
  void Release(napi_env env);
  uint64_t *words() const { return words_; }

 private:
  napi_ref buffer_ = nullptr;
  uint64_t *words_ = nullptr;
};

}  // namespace sdm

#endif  // SDM_NAPI_STAGING_H
