// SPDX-License-Identifier: Apache-2.0
//
// A test framework of the size that is needed: no download, nothing to install.
#ifndef SDM_CHECK_H
#define SDM_CHECK_H

#include <stdint.h>

#include <string>

#include "../src/errors.h"

namespace check {

struct Test {
  Test(const char *name, void (*run)());
  const char *name;
  void (*run)();
  Test *next = nullptr;
};

void Fail(const char *file, int line, const std::string &message);

inline std::string Show(const std::string &value) { return '"' + value + '"'; }
inline std::string Show(const char *value) { return Show(std::string(value)); }
inline std::string Show(bool value) { return value ? "true" : "false"; }
template <typename T>
std::string Show(const T &value) {
  return std::to_string(value);
}

template <typename A, typename B>
void Equal(const A &actual, const B &expected, const char *text, const char *file, int line) {
  if (actual == expected) return;
  Fail(file, line, std::string(text) + " is " + Show(actual) + ", expected " + Show(expected));
}

// A directory of its own for each test, removed after it.
const std::string &Scratch();
std::string WriteFile(const std::string &name, const std::string &content);
std::string MakeFile(const std::string &name, uint64_t size);

}  // namespace check

#define TEST(name)                                    \
  static void name();                                 \
  static check::Test name##_test(#name, name);        \
  static void name()

#define CHECK(condition) \
  if (!(condition)) check::Fail(__FILE__, __LINE__, #condition " does not hold")

#define CHECK_EQUAL(actual, expected) \
  check::Equal(actual, expected, #actual, __FILE__, __LINE__)

// `call` fails and leaves `expected` in `error`.
#define CHECK_CODE(call, error, expected)                                               \
  do {                                                                                  \
    (error) = sdm::Error();                                                             \
    if (call) check::Fail(__FILE__, __LINE__, #call " succeeded");                      \
    CHECK_EQUAL(std::string(sdm::CodeName((error).code)), std::string(#expected));      \
    if ((error).message.empty()) check::Fail(__FILE__, __LINE__, #call " says nothing"); \
  } while (0)

#endif  // SDM_CHECK_H
