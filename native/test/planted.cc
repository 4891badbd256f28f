// SPDX-License-Identifier: Apache-2.0
//
// One defect of each kind that a sanitizer is there to find: `planted address` and so on must not
// end well. If it does, the tests beside it prove nothing.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <string>

#include "../src/thread.h"

namespace {

// Through a volatile, so that the compiler cannot see what is wrong.
volatile int one = 1;

int AfterFree() {
  char *volatile text = static_cast<char *>(malloc(8));
  free(text);
  return static_cast<volatile char *>(text)[one];
}

int Overflow() { return INT32_MAX + one; }

void Leak() {
  void *volatile lost = malloc(4711);
  lost = nullptr;
  static_cast<void>(lost);
}

int Race() {
  int shared = 0;
  pthread_t thread;
  if (sdm::StartThread(&thread, [&shared] { shared++; }) != 0) return 0;
  shared++;
  pthread_join(thread, nullptr);
  return shared;
}

}  // namespace

int main(int argc, char **argv) {
  const std::string kind = argc > 1 ? argv[1] : "";
  int value = 0;
  if (kind == "address") value = AfterFree();
  if (kind == "undefined") value = Overflow();
  if (kind == "leak") Leak();
  if (kind == "thread") value = Race();
  printf("nobody saw it: %d\n", value);
  return 0;
}
