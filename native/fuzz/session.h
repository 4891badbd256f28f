// SPDX-License-Identifier: Apache-2.0
//
// One execution: a block of arbitrary bytes, and what is done with it.
#ifndef SDM_FUZZ_SESSION_H
#define SDM_FUZZ_SESSION_H

#include <memory>
#include <string>
#include <vector>

#include "../src/registers.h"
#include "fuzz.h"
#include "model.h"

namespace fuzz {

// The file that is the block, and the view of whoever else writes to it.
class File {
 public:
  File();
  void Reset(size_t bytes);
  std::vector<uint64_t> Words() const { return {view, view + size / 8}; }

  std::string path;
  uint64_t *view;
  size_t size = 0;

 private:
  const int fd_;
};

class Session {
 public:
  Session(Input input, File *file) : input_(input), file_(*file) {}
  void Run();

 private:
  // Fills a part of the block from the input.
  void Image(size_t at, size_t bytes);
  void Step();
  void Open();
  void Format();
  void Read();
  void ResetLink();
  void CheckSnapshot();
  // The other side writes a word.
  void Scribble();

  // program.cc
  void Program(bool may_set);
  Entry ReadEntry(bool may_set);
  void AtAnEdge(Entry *entry);
  void ProgramPassive(const std::vector<Entry> &entries, std::vector<uint64_t> *staging);
  void ProgramLogic(const std::vector<Entry> &entries, std::vector<uint64_t> *staging);
  void LogicTurn(std::vector<bool> *touched);

  Input input_;
  File &file_;
  sdm::RegisterBlock::Options options_;
  std::unique_ptr<sdm::RegisterBlock> block_;
};

}  // namespace fuzz

#endif  // SDM_FUZZ_SESSION_H
