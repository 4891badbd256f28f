// SPDX-License-Identifier: Apache-2.0
//
// Opens arbitrary bytes as a register block and works on it, while the other side writes to it. The
// block's owner must neither crash, nor touch a byte outside of it, nor wait longer than its deadline,
// nor take for active what docs/memport-abi.md refuses, nor refuse what it takes.
//
// The input, little-endian: 16 bytes that say how to open the block, its first 0x100 bytes, its
// memports, and then what is done: a byte and its arguments each. What is missing is 0.
#include "../abi/memport.h"
#include "session.h"

namespace {

class Writer {
 public:
  Writer &U8(uint64_t value) { return Put(value, 1); }
  Writer &U16(uint64_t value) { return Put(value, 2); }
  Writer &U64(uint64_t value) { return Put(value, 8); }
  std::string text;

 private:
  Writer &Put(uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) text += static_cast<char>(value >> (8 * i));
    return *this;
  }
};

// A block as it was just formatted, before anything is done.
Writer Block(sdm_profile profile, uint64_t nports, uint64_t features, uint8_t flags = 0) {
  sdm_header header;
  sdm_profile_header(profile, &header);
  header.nports = nports;
  if (header.window_size == 0) header.window_size = header.remote_size = uint64_t{1} << 32;
  std::vector<uint64_t> words((SDM_MEMPORT_BASE + nports * SDM_MEMPORT_STRIDE) / 8);
  sdm_format(words.data(), &header);
  words[SDM_REG_FEATURES / 8] = header.features & ~(uint64_t{1} << SDM_FEATURE_PASSIVE) & ~features;
  words[SDM_REG_FEATURES / 8] |= features;
  Writer writer;
  writer.U8(flags).U8(0).U16(0).U16(nports).U16(0).U64(0x8000000000);
  for (size_t i = 0; i < 32; i++) writer.U64(words[i]);
  for (size_t i = 0; i < nports * 8; i++) writer.U64(0);
  return writer;
}

// Sets `count` memports one after the other, each to the next two granules.
void Program(Writer *writer, uint64_t count, uint8_t shape) {
  for (uint64_t port = 0; port < count; port++) {
    writer->U8(0).U8(0).U8(shape).U16(port).U16(port * 2 + 1).U8(1).U16(port * 2 + 1).U8(port);
  }
}

}  // namespace

std::vector<std::string> fuzz::Seeds() {
  constexpr uint64_t passive = uint64_t{1} << SDM_FEATURE_PASSIVE;
  constexpr uint8_t identity = 16;
  std::vector<std::string> seeds;
  for (const uint64_t nports : {1, 4, 32}) {
    for (const uint8_t flags : {0, 4}) {
      Writer zynq = Block(SDM_PROFILE_ZYNQ, nports, passive, flags);
      Program(&zynq, nports < 7 ? nports : 7, 0);
      seeds.push_back(zynq.text);
      Writer generic = Block(SDM_PROFILE_GENERIC, nports, passive, flags | 1);
      Program(&generic, nports < 7 ? nports : 7, identity);
      // Clear one, look, set all again.
      generic.U8(6).U8(0).U8(identity).U16(0).U16(1).U8(0).U16(0).U8(0).U8(11);
      Program(&generic, 2, identity);
      seeds.push_back(generic.text);
    }
    // Logic that answers: as SET says, and with a refusal.
    Writer logic = Block(SDM_PROFILE_ZYNQ, nports, 0);
    for (int i = 0; i < 4; i++) {
      logic.U8(0).U8(0).U8(0).U16(0).U16(1).U8(1).U16(1).U8(0).U8(20);
      logic.U8(0).U16(0).U8(2).U16(0).U8(4);
    }
    seeds.push_back(logic.text);
  }
  // A block that is formatted anew, and one that is read only.
  Writer format = Block(SDM_PROFILE_ZYNQ, 4, passive);
  format.U8(15).U8(2).U8(15).U8(0).U8(15).U8(3);
  seeds.push_back(format.text);
  Writer reader = Block(SDM_PROFILE_ZYNQ, 4, passive, 2);
  reader.U8(11).U8(10).U16(0x200).U8(12).U16(2).U64(512).U8(11).U8(10).U16(2);
  seeds.push_back(reader.text);
  // As many memports as there can be, which need more than the input says; some of them at edges.
  for (const uint8_t flags : {0, 4}) {
    Writer most = Block(SDM_PROFILE_ZYNQ, 4, passive, flags);
    most.text[1] = static_cast<char>(200);
    most.text[16 + SDM_REG_NPORTS] = 0;
    most.text[16 + SDM_REG_NPORTS + 1] = 2;
    Program(&most, 2, 0);
    for (uint64_t edge = 0; edge < 21; edge++) {
      most.U8(0).U8(0).U8(64).U16(511 - edge).U16(100 + edge * 2).U8(1).U16(100).U8(0);
      most.U8(edge / 3).U8(edge % 3 + 1).U16(0);
    }
    seeds.push_back(most.text);
  }
  // A window up to the end of the 64-bit space.
  Writer last = Block(SDM_PROFILE_ZYNQ, 4, passive);
  for (int i = 0; i < 4; i++) last.text[16 + SDM_REG_WINDOW_BASE + i] = 0;
  for (int i = 4; i < 8; i++) last.text[16 + SDM_REG_WINDOW_BASE + i] = static_cast<char>(255);
  Program(&last, 4, 0);
  seeds.push_back(last.text);
  // Everything else that can be done, and nothing.
  Writer rest = Block(SDM_PROFILE_ZYNQ, 4, passive);
  rest.U8(9).U64(7).U8(8).U8(2).U8(14).U8(12).U16(9).U64(0).U8(0).U8(0).U8(0).U16(0).U16(0);
  seeds.push_back(rest.text);
  seeds.push_back(std::string(16 + 0x100, '\0'));
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::File file;
  fuzz::Session(fuzz::Input(data, size), &file).Run();
  return 0;
}
