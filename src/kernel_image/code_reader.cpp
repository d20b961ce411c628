// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/code_reader.hpp"

#include <fmt/format.h>

#include <map>

namespace unzap {
namespace {

constexpr std::size_t k_max_instructions = 8192;

/// The instructions of a function, owned by capstone.
class Listing {
 public:
  Listing() = default;
  ~Listing() {
    for (const Piece& piece : pieces_) cs_free(piece.insns, piece.count);
    if (handle_ != 0) cs_close(&handle_);
  }
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;

  bool open(const Decoder& decoder) {
    return cs_open(decoder.arch, decoder.mode, &handle_) == CS_ERR_OK &&
           cs_option(handle_, CS_OPT_DETAIL, CS_OPT_ON) == CS_ERR_OK;
  }
  /// The address at which the disassembler stopped, or nothing when it took all.
  std::optional<std::uint64_t> add(const CodePart& part) {
    Piece piece;
    piece.count = cs_disasm(handle_, part.bytes.data(), part.bytes.size(), part.address, k_max_instructions,
                            &piece.insns);
    std::uint64_t end = part.address;
    for (std::size_t i = 0; i < piece.count; ++i) {
      all_.push_back(&piece.insns[i]);
      end += piece.insns[i].size;
    }
    if (piece.count > 0) pieces_.push_back(piece);
    if (end == part.address + part.bytes.size()) return std::nullopt;
    return end;
  }
  csh handle() const { return handle_; }
  const std::vector<const cs_insn*>& all() const { return all_; }

 private:
  struct Piece {
    cs_insn* insns = nullptr;
    std::size_t count = 0;
  };
  csh handle_ = 0;
  std::vector<Piece> pieces_;
  std::vector<const cs_insn*> all_;
};

std::vector<Instruction> instructions_of(const Decoder& decoder, const Listing& listing) {
  std::map<std::uint64_t, std::size_t> at;
  for (std::size_t i = 0; i < listing.all().size(); ++i) at.emplace(listing.all()[i]->address, i);
  std::vector<Instruction> out;
  for (const cs_insn* insn : listing.all()) {
    Instruction one;
    one.address = insn->address;
    one.bytes.assign(reinterpret_cast<const char*>(insn->bytes), insn->size);
    one.text = insn->mnemonic;
    if (insn->op_str[0]) one.text += fmt::format(" {}", insn->op_str);
    const Flow flow = decoder.flow(*insn);
    const auto behind = at.find(insn->address + insn->size);
    if (flow.falls_through && behind != at.end()) one.nexts.push_back(behind->second);
    if (flow.is_call) one.calls = flow.target.value_or(0);
    if (flow.target && !flow.is_call)
      if (const auto found = at.find(*flow.target); found != at.end()) one.nexts.push_back(found->second);
    out.push_back(std::move(one));
  }
  return out;
}

/// What both ways to an instruction agree on. True when `into` changed.
bool meet(std::optional<Registers>& into, const Registers& from) {
  if (!into) {
    into = from;
    return true;
  }
  bool changed = false;
  for (std::size_t i = 0; i < into->size(); ++i)
    if ((*into)[i].kind != Value::other && !((*into)[i] == from[i])) {
      (*into)[i] = {};
      changed = true;
    }
  return changed;
}

/// Follows the registers along all ways from the entry until nothing changes. An instruction that no way
/// reaches says nothing.
void follow(const Decoder& decoder, const Listing& listing, std::vector<Instruction>& instructions) {
  std::vector<std::optional<Registers>> before(instructions.size());
  std::vector<std::size_t> open{0};
  before[0] = Registers{};
  while (!open.empty()) {
    const std::size_t i = open.back();
    open.pop_back();
    Registers registers = *before[i];
    Instruction& one = instructions[i];
    one.sets = one.clears = one.may_clear = one.tests = {};
    const cs_insn* behind = i + 1 < instructions.size() ? listing.all()[i + 1] : nullptr;
    decoder.follow(listing.handle(), *listing.all()[i], behind, registers, one);
    for (const std::size_t next : one.nexts)
      if (meet(before[next], registers)) open.push_back(next);
  }
}

}  // namespace

std::uint64_t mask_of_size(unsigned size) {
  return size >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * size)) - 1;
}

std::set<TaskBit> bits_of(std::int64_t offset, std::uint64_t mask) {
  std::set<TaskBit> out;
  for (int bit = 0; bit < 64; ++bit)
    if (mask >> bit & 1) out.insert(offset * 8 + bit);
  return out;
}

bool is_in_group(const cs_insn& insn, unsigned group) {
  for (int i = 0; i < insn.detail->groups_count; ++i)
    if (insn.detail->groups[i] == group) return true;
  return false;
}

bool Code::leads(std::size_t from, std::size_t to, std::size_t without) const {
  std::vector<bool> seen(instructions.size());
  std::vector<std::size_t> open = instructions[from].nexts;
  while (!open.empty()) {
    const std::size_t at = open.back();
    open.pop_back();
    if (seen[at] || at == without) continue;
    if (at == to) return true;
    seen[at] = true;
    open.insert(open.end(), instructions[at].nexts.begin(), instructions[at].nexts.end());
  }
  return false;
}

Result<Code> read_code(const Decoder& decoder, std::string name, const std::vector<CodePart>& parts) {
  Listing listing;
  if (!listing.open(decoder))
    return Error{ErrorKind::bad_data, fmt::format("the disassembler (capstone) has no {}", decoder.name), "",
                 "use Debian's libcapstone4"};
  for (const CodePart& part : parts)
    if (const auto stop = listing.add(part))
      return Error{ErrorKind::bad_data, fmt::format("{} cannot be disassembled at {:x}", name, *stop), "",
                   ""};
  if (listing.all().empty()) return Error{ErrorKind::bad_data, name + " has no code", "", ""};
  Code out{std::move(name), instructions_of(decoder, listing)};
  follow(decoder, listing, out.instructions);
  return out;
}

}  // namespace unzap
