// SPDX-License-Identifier: Apache-2.0
#include "register_options.h"

#include <stdint.h>

#include "../../abi/memport.h"
#include "util.h"

namespace sdm {
namespace {

// The properties of an options object that the caller may leave out.
class Options {
 public:
  Options(napi_env env, napi_value object) : env_(env), object_(object) {}

  bool Uint64(const char *name, uint64_t *result, bool *given = nullptr) {
    napi_value value;
    bool present;
    if (!GetOptional(env_, object_, name, &value, &present)) return false;
    if (given != nullptr) *given = present;
    return !present || ReadUint64(env_, value, name, result);
  }
  bool Integer(const char *name, double least, double most, uint64_t *result) {
    napi_value value;
    bool present;
    double number;
    if (!GetOptional(env_, object_, name, &value, &present)) return false;
    if (!present) return true;
    if (!ReadInteger(env_, value, name, least, most, &number)) return false;
    *result = static_cast<uint64_t>(number);
    return true;
  }
  bool Boolean(const char *name, bool *result) {
    napi_value value;
    bool present;
    if (!GetOptional(env_, object_, name, &value, &present)) return false;
    return !present || ReadBoolean(env_, value, name, result);
  }

 private:
  napi_env env_;
  napi_value object_;
};

bool ReadProfile(napi_env env, napi_value options, sdm_profile *profile) {
  napi_value value;
  bool present;
  std::string name;
  if (!GetOptional(env, options, "profile", &value, &present)) return false;
  if (!ReadString(env, value, "profile", 64, &name)) return false;
  *profile = name == "zynq" ? SDM_PROFILE_ZYNQ : SDM_PROFILE_GENERIC;
  return name == "zynq" || name == "generic" ||
         ThrowInput(env, "profile must be \"generic\" or \"zynq\", not \"" + name + "\"");
}

bool ReadDevice(napi_env env, napi_value value, napi_value device, Source *source) {
  napi_value size;
  bool present;
  double number;
  if (!ReadPath(env, device, "device", &source->device) ||
      !GetOptional(env, value, "size", &size, &present) ||
      !ReadInteger(env, size, "size", 1, INT32_MAX, &number)) {
    return false;
  }
  source->size = static_cast<uint64_t>(number);
  return true;
}

bool ReadResource(napi_env env, napi_value value, napi_value pci, Source *source) {
  napi_value resource;
  bool present;
  double number;
  if (!ReadString(env, pci, "pci", 64, &source->pci)) return false;
  if (!ValidPciAddress(source->pci)) {
    return ThrowInput(env, "pci must be an address such as \"0000:00:02.0\", not \"" +
                               source->pci + "\"");
  }
  if (!GetOptional(env, value, "resource", &resource, &present)) return false;
  if (!ReadInteger(env, resource, "resource", 0, 5, &number)) return false;
  source->resource = static_cast<int>(number);
  return true;
}

}  // namespace

bool ReadSource(napi_env env, napi_value value, Source *source) {
  napi_value pci;
  napi_value device;
  napi_value path;
  bool has_pci;
  bool has_device;
  bool has_path;
  if (!CheckObject(env, value, "source") || !GetOptional(env, value, "pci", &pci, &has_pci) ||
      !GetOptional(env, value, "device", &device, &has_device) ||
      !GetOptional(env, value, "path", &path, &has_path)) {
    return false;
  }
  if (has_pci + has_device + has_path != 1) {
    return ThrowType(env, "source must be { pci, resource }, { device, size } or { path }");
  }
  if (has_path) return ReadPath(env, path, "path", &source->path);
  return has_pci ? ReadResource(env, value, pci, source) : ReadDevice(env, value, device, source);
}

bool ReadOpenOptions(napi_env env, napi_value value, RegisterBlock::Options *options) {
  if (IsUndefined(env, value)) return true;
  if (!CheckObject(env, value, "options")) return false;
  Options from(env, value);
  return from.Uint64("windowBase", &options->window_base, &options->has_window_base) &&
         from.Boolean("writable", &options->writable) &&
         from.Boolean("checkAlignment", &options->check_alignment);
}

bool ReadFormatOptions(napi_env env, napi_value value, FormatRequest *request) {
  sdm_profile profile;
  sdm_header *const header = &request->header;
  if (!CheckObject(env, value, "options") || !ReadProfile(env, value, &profile)) return false;
  sdm_profile_header(profile, header);
  Options from(env, value);
  bool has_window_size = false;
  bool has_remote_size = false;
  if (!from.Integer("nports", 1, SDM_NPORTS_MAX, &header->nports) ||
      !from.Uint64("windowBase", &header->window_base) ||
      !from.Uint64("windowSize", &header->window_size, &has_window_size) ||
      !from.Uint64("remoteSize", &header->remote_size, &has_remote_size) ||
      !from.Uint64("granule", &header->granule) ||
      !from.Integer("ntransceivers", 0, SDM_NTRANSCEIVERS_MAX, &header->ntransceivers) ||
      !from.Boolean("force", &request->force)) {
    return false;
  }
  if (header->ntransceivers == 0) {
    header->features &= ~(uint64_t{1} << SDM_FEATURE_TRANSCEIVERS);
  }
  if (profile == SDM_PROFILE_GENERIC && !has_window_size) {
    return ThrowInput(env, "profile generic needs windowSize, the size of the pool (--pool FILE)");
  }
  if (profile == SDM_PROFILE_GENERIC && !has_remote_size) header->remote_size = header->window_size;
  return true;
}

}  // namespace sdm
