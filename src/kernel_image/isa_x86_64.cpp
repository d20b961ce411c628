// SPDX-License-Identifier: Apache-2.0
// How kernels for x86-64 hold `current`, read and write its bits, and call.
#include <array>

#include "kernel_image/code_reader.hpp"
#include "kernel_image/isa.hpp"

namespace unzap {
namespace {

constexpr int k_registers = 16;
constexpr std::int64_t k_max_field = 0x8000;  ///< no task_struct is larger

// arch/x86/include/asm/thread_info.h
constexpr FlagLayout k_layouts[] = {
    {2, 17},  // 5.11 to 6.17
    {2, 19},  // 5.10.162 and later 5.10
    {1, 2},   // 6.18: include/asm-generic/thread_info_tif.h
};

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

/// One instruction with the registers before it: what it does to `current`, and to the registers.
class Follower {
 public:
  /// `next`: what stands behind `insn`, or nullptr.
  Follower(csh handle, const cs_insn& insn, const cs_insn* next, Registers& registers, Instruction& out)
      : handle_(handle), insn_(insn), x86_(insn.detail->x86), registers_(registers), out_(out) {
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
      out_.tests = bits_of(value.offset, (immediate(1) & mask_of_size(operand(0).size)) << target.shift);
    else if (insn_.id == X86_INS_BT && immediate(1) < 64)
      out_.tests = bits_of(value.offset, std::uint64_t{1} << immediate(1));
  }

  void into_field(std::int64_t offset, const Registers& before) {
    const std::uint64_t all = mask_of_size(operand(0).size);
    const bool constant = is_imm(1);
    const std::uint64_t bit = constant && immediate(1) < 64 ? std::uint64_t{1} << immediate(1) : 0;
    switch (insn_.id) {
      case X86_INS_TEST:
        if (constant) out_.tests = bits_of(offset, immediate(1) & all);
        return;
      case X86_INS_BT: out_.tests = bits_of(offset, bit); return;
      case X86_INS_CMP: return;
      case X86_INS_AND:
        if (!constant) return overwrite(offset);
        out_.clears = bits_of(offset, ~immediate(1) & all);
        return;
      case X86_INS_OR:
        if (constant) out_.sets = bits_of(offset, immediate(1) & all);
        return;  // a bit that is or'ed in clears nothing
      case X86_INS_BTS: out_.sets = bits_of(offset, bit); return;
      case X86_INS_BTR:
        if (bit == 0) return overwrite(offset);
        out_.clears = bits_of(offset, bit);
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
    out_.sets = bits_of(offset, value.set & all);
    out_.clears = bits_of(offset, value.cleared & all);
  }
  void overwrite(std::int64_t offset) { out_.may_clear = bits_of(offset, mask_of_size(operand(0).size)); }

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
  Instruction& out_;
  bool asks_zero_ = false;  ///< a jump follows that depends on the result being 0
  bool kept_ = false;       ///< the register that is written is known
};

/// True when what stands behind the instruction is not what runs after it.
bool ends_here(const cs_insn& insn) {
  return insn.id == X86_INS_JMP || insn.id == X86_INS_UD2 || insn.id == X86_INS_INT3 ||
         is_in_group(insn, CS_GRP_RET);
}

Flow flow(const cs_insn& insn) {
  Flow out;
  out.falls_through = !ends_here(insn);
  out.is_call = insn.id == X86_INS_CALL;
  const cs_x86& x86 = insn.detail->x86;
  const bool direct = x86.op_count == 1 && x86.operands[0].type == X86_OP_IMM;
  if (direct && (out.is_call || is_in_group(insn, CS_GRP_JUMP)))
    out.target = static_cast<std::uint64_t>(x86.operands[0].imm);
  return out;
}

void follow(csh handle, const cs_insn& insn, const cs_insn* next, Registers& registers, Instruction& out) {
  Follower(handle, insn, next, registers, out).run();
}

Result<Code> read(std::string name, const std::vector<CodePart>& parts) {
  return read_code({"x86-64", CS_ARCH_X86, CS_MODE_64, flow, follow}, std::move(name), parts);
}

}  // namespace

extern const Isa k_isa_x86_64;
const Isa k_isa_x86_64{Machine::x86_64, read, k_layouts, 2};

}  // namespace unzap
