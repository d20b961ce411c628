// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/routine.hpp"

#include <capstone/capstone.h>

#include <array>
#include <map>
#include <memory>

#include <fmt/format.h>

namespace unzap {
namespace {

constexpr std::size_t k_max_steps = 8192;
constexpr int k_registers = 16;
constexpr std::int64_t k_max_field = 0x8000;  ///< no task_struct is larger

/// What a register holds, as far as it is followed.
struct Value {
  enum Kind : std::uint8_t { other, task, field } kind = other;
  std::int64_t offset = 0;    ///< of the field within task_struct
  std::uint64_t set = 0;      ///< bits that were set in the copy of the field since it was read
  std::uint64_t cleared = 0;  ///< bits that were cleared

  bool operator==(const Value&) const = default;
};
using Registers = std::array<Value, k_registers>;

struct Named {
  x86_reg reg;
  int number;
  int shift;  ///< of its lowest bit within the register: 8 for ah
};

/// Which of the 16 registers a name means.
std::optional<Named> register_of(unsigned reg) {
  static constexpr x86_reg k_names[k_registers][4] = {
      {X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL},
      {X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL},
      {X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL},
      {X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL},
      {X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL},
      {X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL},
      {X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL},
      {X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL},
      {X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B},
      {X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B},
      {X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B},
      {X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B},
      {X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B},
      {X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B},
      {X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B},
      {X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B},
  };
  static constexpr x86_reg k_high[4] = {X86_REG_AH, X86_REG_CH, X86_REG_DH, X86_REG_BH};
  for (int i = 0; i < k_registers; ++i)
    for (const x86_reg name : k_names[i])
      if (name == reg) return Named{name, i, 0};
  for (int i = 0; i < 4; ++i)
    if (k_high[i] == reg) return Named{k_high[i], i, 8};
  return std::nullopt;
}

std::uint64_t mask_of_size(unsigned size) {
  return size >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * size)) - 1;
}

std::set<TaskBit> bits_of(std::int64_t offset, std::uint64_t mask) {
  std::set<TaskBit> out;
  for (int bit = 0; bit < 64; ++bit)
    if (mask >> bit & 1) out.insert(offset * 8 + bit);
  return out;
}

/// One instruction with the registers before it: what it does to `current`, and to the registers.
class Follower {
 public:
  /// `next`: what stands behind `insn`, or nullptr.
  Follower(csh handle, const cs_insn& insn, const cs_insn* next, Registers& registers, Step& step)
      : handle_(handle), insn_(insn), x86_(insn.detail->x86), registers_(registers), step_(step) {
    asks_zero_ = next && (next->id == X86_INS_JE || next->id == X86_INS_JNE);
  }

  void run() {
    const Registers before = registers_;
    if (x86_.op_count == 2) two_operands(before);
    if (!kept_) forget_written();
    if (insn_.id == X86_INS_CALL) forget_after_call();
  }

 private:
  const cs_x86_op& operand(int i) const { return x86_.operands[i]; }
  bool is_mem(int i) const { return operand(i).type == X86_OP_MEM; }
  bool is_imm(int i) const { return operand(i).type == X86_OP_IMM; }

  /// The offset of a field of `current` that operand `i` names, when it is one.
  std::optional<std::int64_t> field(int i, const Registers& registers) const {
    if (!is_mem(i)) return std::nullopt;
    const x86_op_mem& mem = operand(i).mem;
    const auto base = register_of(mem.base);
    if (!base || mem.index != X86_REG_INVALID || mem.segment != X86_REG_INVALID) return std::nullopt;
    const bool is_task = registers[static_cast<std::size_t>(base->number)].kind == Value::task;
    if (!is_task || mem.disp < 0 || mem.disp > k_max_field) return std::nullopt;
    return mem.disp;
  }
  std::uint64_t immediate(int i) const { return static_cast<std::uint64_t>(operand(i).imm); }

  void two_operands(const Registers& before) {
    const auto target = operand(0).type == X86_OP_REG ? register_of(operand(0).reg) : std::nullopt;
    const auto memory = field(0, before);
    if (target && target->shift == 0) into_register(target->number, before);
    if (target) test_of_register(*target, before);
    if (memory) into_field(*memory, before);
    if (const auto other = field(1, before); other && insn_.id == X86_INS_XCHG) overwrite(*other);
  }

  void into_register(int number, const Registers& before) {
    Value& value = registers_[static_cast<std::size_t>(number)];
    const std::uint64_t mask = mask_of_size(operand(0).size);
    if (insn_.id == X86_INS_MOV && operand(0).size >= 4) {
      value = source_value(before);
      kept_ = true;
    } else if (insn_.id == X86_INS_OR && is_imm(1) && value.kind == Value::field) {
      value.set |= immediate(1) & mask;
      value.cleared &= ~(immediate(1) & mask);
      kept_ = true;
    } else if (insn_.id == X86_INS_AND && is_imm(1) && value.kind == Value::field) {
      value.cleared |= ~immediate(1) & mask;
      value.set &= immediate(1) | ~mask;
      kept_ = true;
    } else if ((insn_.id == X86_INS_BTS || insn_.id == X86_INS_BTR) && is_imm(1) &&
               value.kind == Value::field && immediate(1) < 64) {
      const std::uint64_t bit = std::uint64_t{1} << immediate(1);
      (insn_.id == X86_INS_BTS ? value.set : value.cleared) |= bit;
      (insn_.id == X86_INS_BTS ? value.cleared : value.set) &= ~bit;
      kept_ = true;
    }
  }

  Value source_value(const Registers& before) const {
    if (operand(1).type == X86_OP_REG) {
      const auto source = register_of(operand(1).reg);
      return source ? before[static_cast<std::size_t>(source->number)] : Value{};
    }
    if (!is_mem(1)) return {};
    // The kernel keeps `current` in a per-CPU variable. gs:0x28 is the canary of the stack protector.
    const x86_op_mem& mem = operand(1).mem;
    const bool no_index = mem.index == X86_REG_INVALID;
    const bool fixed = mem.base == X86_REG_RIP || mem.base == X86_REG_INVALID;
    if (mem.segment == X86_REG_GS && fixed && no_index && operand(0).size == 8 && mem.disp != 0x28)
      return {Value::task, 0, 0, 0};
    if (const auto offset = field(1, before)) return {Value::field, *offset, 0, 0};
    return {};
  }

  void test_of_register(const Named& target, const Registers& before) {
    const Value& value = before[static_cast<std::size_t>(target.number)];
    if (value.kind != Value::field || !is_imm(1)) return;
    if (insn_.id == X86_INS_TEST || (insn_.id == X86_INS_AND && asks_zero_))
      step_.tests = bits_of(value.offset, (immediate(1) & mask_of_size(operand(0).size)) << target.shift);
    else if (insn_.id == X86_INS_BT && immediate(1) < 64)
      step_.tests = bits_of(value.offset, std::uint64_t{1} << immediate(1));
  }

  void into_field(std::int64_t offset, const Registers& before) {
    const std::uint64_t all = mask_of_size(operand(0).size);
    const bool constant = is_imm(1);
    const std::uint64_t bit = constant && immediate(1) < 64 ? std::uint64_t{1} << immediate(1) : 0;
    switch (insn_.id) {
      case X86_INS_TEST:
        if (constant) step_.tests = bits_of(offset, immediate(1) & all);
        return;
      case X86_INS_BT: step_.tests = bits_of(offset, bit); return;
      case X86_INS_CMP: return;
      case X86_INS_AND:
        if (!constant) return overwrite(offset);
        step_.clears = bits_of(offset, ~immediate(1) & all);
        return;
      case X86_INS_OR:
        if (constant) step_.sets = bits_of(offset, immediate(1) & all);
        return;  // a bit that is or'ed in clears nothing
      case X86_INS_BTS: step_.sets = bits_of(offset, bit); return;
      case X86_INS_BTR:
        if (bit == 0) return overwrite(offset);
        step_.clears = bits_of(offset, bit);
        return;
      case X86_INS_MOV: return store(offset, before);
      default: return overwrite(offset);
    }
  }

  void store(std::int64_t offset, const Registers& before) {
    const auto source = operand(1).type == X86_OP_REG ? register_of(operand(1).reg) : std::nullopt;
    const Value value = source ? before[static_cast<std::size_t>(source->number)] : Value{};
    if (value.kind != Value::field || value.offset != offset) return overwrite(offset);
    const std::uint64_t all = mask_of_size(operand(0).size);
    step_.sets = bits_of(offset, value.set & all);
    step_.clears = bits_of(offset, value.cleared & all);
  }
  void overwrite(std::int64_t offset) { step_.may_clear = bits_of(offset, mask_of_size(operand(0).size)); }

  void forget_written() {
    cs_regs read{};
    cs_regs written{};
    std::uint8_t read_count = 0;
    std::uint8_t written_count = 0;
    if (cs_regs_access(handle_, &insn_, read, &read_count, written, &written_count) != CS_ERR_OK) {
      registers_ = {};
      return;
    }
    for (int i = 0; i < written_count; ++i)
      if (const auto target = register_of(written[i]))
        registers_[static_cast<std::size_t>(target->number)] = {};
  }
  /// rax, rcx, rdx, rsi, rdi, r8 to r11 belong to the function that was called.
  void forget_after_call() {
    for (const std::size_t number : {0U, 1U, 2U, 6U, 7U, 8U, 9U, 10U, 11U}) registers_[number] = {};
  }

  csh handle_;
  const cs_insn& insn_;
  const cs_x86& x86_;
  Registers& registers_;
  Step& step_;
  bool asks_zero_ = false;  ///< a jump follows that depends on the result being 0
  bool kept_ = false;       ///< the register that is written is known
};

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

  bool open() {
    return cs_open(CS_ARCH_X86, CS_MODE_64, &handle_) == CS_ERR_OK &&
           cs_option(handle_, CS_OPT_DETAIL, CS_OPT_ON) == CS_ERR_OK;
  }
  /// The address at which the disassembler stopped, or nothing when it took all.
  std::optional<std::uint64_t> add(const CodePart& part) {
    Piece piece;
    piece.count =
        cs_disasm(handle_, part.bytes.data(), part.bytes.size(), part.address, k_max_steps, &piece.insns);
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

bool is_in_group(const cs_insn& insn, unsigned group) {
  for (int i = 0; i < insn.detail->groups_count; ++i)
    if (insn.detail->groups[i] == group) return true;
  return false;
}

/// True when what stands behind the instruction is not what runs after it.
bool ends_here(const cs_insn& insn) {
  return insn.id == X86_INS_JMP || insn.id == X86_INS_UD2 || insn.id == X86_INS_INT3 ||
         is_in_group(insn, CS_GRP_RET);
}

std::vector<Step> steps_of(const Listing& listing) {
  std::map<std::uint64_t, std::size_t> at;
  for (std::size_t i = 0; i < listing.all().size(); ++i) at.emplace(listing.all()[i]->address, i);
  std::vector<Step> out;
  for (const cs_insn* insn : listing.all()) {
    Step step;
    step.address = insn->address;
    step.bytes.assign(reinterpret_cast<const char*>(insn->bytes), insn->size);
    step.text = insn->mnemonic;
    if (insn->op_str[0]) step.text += fmt::format(" {}", insn->op_str);
    const cs_x86& x86 = insn->detail->x86;
    const bool direct = x86.op_count == 1 && x86.operands[0].type == X86_OP_IMM;
    const auto target = direct ? static_cast<std::uint64_t>(x86.operands[0].imm) : 0;
    if (insn->id == X86_INS_CALL) step.calls = target;
    if (const auto next = at.find(insn->address + insn->size); !ends_here(*insn) && next != at.end())
      step.nexts.push_back(next->second);
    if (const auto found = at.find(target); is_in_group(*insn, CS_GRP_JUMP) && direct && found != at.end())
      step.nexts.push_back(found->second);
    out.push_back(std::move(step));
  }
  return out;
}

/// What both ways to a step agree on. True when `into` changed.
bool meet(std::optional<Registers>& into, const Registers& from) {
  if (!into) {
    into = from;
    return true;
  }
  bool changed = false;
  for (std::size_t i = 0; i < k_registers; ++i)
    if ((*into)[i].kind != Value::other && !((*into)[i] == from[i])) {
      (*into)[i] = {};
      changed = true;
    }
  return changed;
}

/// Follows the registers along all ways from the entry until nothing changes. A step that no way reaches says
/// nothing.
void follow(const Listing& listing, std::vector<Step>& steps) {
  std::vector<std::optional<Registers>> before(steps.size());
  std::vector<std::size_t> open{0};
  before[0] = Registers{};
  while (!open.empty()) {
    const std::size_t i = open.back();
    open.pop_back();
    Registers registers = *before[i];
    Step& step = steps[i];
    step.sets = step.clears = step.may_clear = step.tests = {};
    const cs_insn* behind = i + 1 < steps.size() ? listing.all()[i + 1] : nullptr;
    Follower(listing.handle(), *listing.all()[i], behind, registers, step).run();
    for (const std::size_t next : step.nexts)
      if (meet(before[next], registers)) open.push_back(next);
  }
}

}  // namespace

bool Routine::leads(std::size_t from, std::size_t to, std::size_t without) const {
  std::vector<bool> seen(steps.size());
  std::vector<std::size_t> open = steps[from].nexts;
  while (!open.empty()) {
    const std::size_t at = open.back();
    open.pop_back();
    if (seen[at] || at == without) continue;
    if (at == to) return true;
    seen[at] = true;
    open.insert(open.end(), steps[at].nexts.begin(), steps[at].nexts.end());
  }
  return false;
}

Result<Routine> read_routine(std::string name, const std::vector<CodePart>& parts) {
  Listing listing;
  if (!listing.open())
    return Error{ErrorKind::bad_data, "the disassembler (capstone) has no x86-64", "",
                 "use Debian's libcapstone4"};
  for (const CodePart& part : parts)
    if (const auto stop = listing.add(part))
      return Error{ErrorKind::bad_data, fmt::format("{} cannot be disassembled at {:x}", name, *stop), "",
                   ""};
  if (listing.all().empty()) return Error{ErrorKind::bad_data, name + " has no code", "", ""};
  Routine out{std::move(name), steps_of(listing)};
  follow(listing, out.steps);
  return out;
}

}  // namespace unzap
