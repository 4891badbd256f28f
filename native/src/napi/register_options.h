// SPDX-License-Identifier: Apache-2.0
//
// The options of openRegisters() and formatRegisters(), from JavaScript.
#ifndef SDM_NAPI_REGISTER_OPTIONS_H
#define SDM_NAPI_REGISTER_OPTIONS_H

#include <node_api.h>

#include "../registers.h"

namespace sdm {

bool ReadSource(napi_env env, napi_value value, Source *source);
bool ReadOpenOptions(napi_env env, napi_value value, RegisterBlock::Options *options);
bool ReadFormatOptions(napi_env env, napi_value value, FormatRequest *request);

}  // namespace sdm

#endif  // SDM_NAPI_REGISTER_OPTIONS_H
