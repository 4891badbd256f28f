// SPDX-License-Identifier: Apache-2.0
//
// Runs a fuzz target where there is no libFuzzer: inputs are mutated from the target's seeds by a
// generator whose state is the seed and the number of the run, so that each run can be had again.
//
//   registers_fuzz [--runs N] [--seed N] [--out DIR]   N runs; an input that fails is written to DIR
//   registers_fuzz FILE...                             these inputs alone
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"
#include "reached.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace {

constexpr size_t kMostBytes = 16 << 10;
// For a thousand executions, which take a tenth of a second.
constexpr unsigned kHangSeconds = 60;
constexpr uint64_t kPerAlarm = 1000;

std::string current;
std::string name = "input";
// Where an input that fails is written to; empty: it comes from a file.
std::string out;

// Called when all is lost: nothing here may rely on more than system calls.
void Save() {
  if (out.empty()) return;
  const std::string path = out + "/failed-" + name;
  FILE *const file = fopen(path.c_str(), "w");
  if (file == nullptr || fwrite(current.data(), 1, current.size(), file) != current.size()) {
    perror(path.c_str());
  } else {
    fprintf(stderr, "the input is in %s: run this program with it\n", path.c_str());
  }
  if (file != nullptr) fclose(file);
}

void OnSignal(int number) {
  fprintf(stderr, "run %s: ", name.c_str());
  if (number == SIGALRM) {
    fprintf(stderr, "no end within %u s\n", kHangSeconds);
  } else {
    fprintf(stderr, "signal %d\n", number);
  }
  Save();
  _exit(1);
}

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 0x632be59bd9b4e019) {
    if (state_ == 0) state_ = 1;
  }
  // xorshift64*
  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1d;
  }
  size_t Below(size_t limit) { return limit == 0 ? 0 : static_cast<size_t>(Next() >> 11) % limit; }

 private:
  uint64_t state_;
};

// Numbers at which something ends or begins.
uint64_t Interesting(Random *random) {
  const uint64_t bit = uint64_t{1} << random->Below(64);
  switch (random->Below(8)) {
    case 0:
      return 0;
    case 1:
      return UINT64_MAX - random->Below(3);
    case 2:
      return bit;
    case 3:
      return bit - 1;
    case 4:
      return bit + random->Below(16);
    case 5:
      return random->Below(1024);
    case 6:
      return random->Next() & ~(bit - 1);
    default:
      return random->Next();
  }
}

void PutWord(std::string *input, size_t at, uint64_t word, size_t bytes) {
  for (size_t i = 0; i < bytes && at + i < input->size(); i++) {
    (*input)[at + i] = static_cast<char>(word >> (8 * i));
  }
}

void Mutate(std::string *input, const std::vector<std::string> &seeds, Random *random) {
  const size_t size = input->size();
  const size_t at = random->Below(size);
  switch (random->Below(10)) {
    case 0: {  // a number a little more or less
      const size_t bytes = size_t{1} << random->Below(4);
      const size_t from = at & ~(bytes - 1);
      uint64_t word = 0;
      for (size_t i = 0; i < bytes && from + i < size; i++) {
        word |= static_cast<uint64_t>(static_cast<uint8_t>((*input)[from + i])) << (8 * i);
      }
      PutWord(input, from, word + random->Below(33) - 16, bytes);
      break;
    }
    case 8:
      if (size > 0) (*input)[at] = static_cast<char>(random->Next());
      break;
    case 1:
      if (size > 0) (*input)[at] = static_cast<char>((*input)[at] ^ 1 << random->Below(8));
      break;
    case 2:
    case 3:
      PutWord(input, at & ~size_t{7}, Interesting(random), 8);
      break;
    case 4:
      PutWord(input, at, Interesting(random), size_t{1} << random->Below(4));
      break;
    case 5: {  // a piece of it again, at its end or in its middle
      const std::string piece = input->substr(at, random->Below(64));
      input->insert(random->Below(2) == 0 ? size : random->Below(size), piece);
      break;
    }
    case 6:
      input->erase(at, random->Below(2) == 0 ? random->Below(32) : SIZE_MAX);
      break;
    case 7: {  // the rest of another
      const std::string &other = seeds[random->Below(seeds.size())];
      if (at < other.size()) *input = input->substr(0, at) + other.substr(at);
      break;
    }
    default:
      for (size_t i = random->Below(48); i > 0; i--) *input += static_cast<char>(random->Next());
  }
  if (input->size() > kMostBytes) input->resize(kMostBytes);
}

void Run(const std::string &input) {
  current = input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(input.data()), input.size());
}

int RunFile(const char *path) {
  FILE *const file = fopen(path, "r");
  if (file == nullptr) {
    perror(path);
    return 1;
  }
  std::string input;
  char page[4096];
  for (size_t length; (length = fread(page, 1, sizeof(page), file)) > 0;) input.append(page, length);
  fclose(file);
  alarm(kHangSeconds);
  Run(input);
  printf("%s: nothing is broken\n", path);
  return 0;
}

int RunMany(uint64_t runs, uint64_t seed) {
  const std::vector<std::string> seeds = fuzz::Seeds();
  for (uint64_t run = 0; run < runs; run++) {
    if (run % kPerAlarm == 0) alarm(kHangSeconds);
    Random random(seed + run);
    std::string input = seeds[random.Below(seeds.size())];
    name = std::to_string(seed + run);
    // The seeds themselves come first.
    if (run < seeds.size()) {
      input = seeds[run];
    } else {
      for (size_t i = random.Below(8) + 1; i > 0; i--) Mutate(&input, seeds, &random);
    }
    Run(input);
  }
  std::string missing;
  const std::string reached = fuzz::Reached(&missing);
  printf("%llu executions from seed %llu: %s\n", static_cast<unsigned long long>(runs),
         static_cast<unsigned long long>(seed), reached.c_str());
  if (!missing.empty()) printf("never reached: %s\n", missing.c_str());
  printf("1 tests, %d failed\n", missing.empty() ? 0 : 1);
  return missing.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char **argv) {
  uint64_t runs = 20000;
  uint64_t seed = 1;
  std::string directory = ".";
  int next = 1;
  for (; next + 1 < argc && argv[next][0] == '-'; next += 2) {
    const std::string option = argv[next];
    if (option == "--runs") {
      runs = strtoull(argv[next + 1], nullptr, 0);
    } else if (option == "--seed") {
      seed = strtoull(argv[next + 1], nullptr, 0);
    } else if (option == "--out") {
      directory = argv[next + 1];
    } else {
      fprintf(stderr, "%s is not known here: --runs N, --seed N, --out DIR, or files\n", argv[next]);
      return 2;
    }
  }
  signal(SIGALRM, OnSignal);
  signal(SIGABRT, OnSignal);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(Save);
#else
  signal(SIGSEGV, OnSignal);
  signal(SIGBUS, OnSignal);
#endif
  int failed = 0;
  if (next == argc) {
    out = directory;
    return RunMany(runs, seed);
  }
  for (; next < argc; next++) failed |= RunFile(argv[next]);
  return failed;
}
