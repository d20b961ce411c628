// SPDX-License-Identifier: Apache-2.0
#include "sources/live_kernel/bpf_memory.hpp"

#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace unzap {
namespace {

constexpr std::uint32_t k_piece_bytes = 256;

int bpf(bpf_cmd command, bpf_attr& attr) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attr, sizeof attr));
}

Error refused(std::string_view what) {
  const int error = errno;
  const bool forbidden = error == EPERM || error == EACCES;
  return {forbidden ? ErrorKind::permission : ErrorKind::io,
          fmt::format("{}: {}", what, std::strerror(error)), "bpf", forbidden ? "run it as root" : ""};
}

template <class T>
std::uint64_t pointer(T* value) {
  return reinterpret_cast<std::uint64_t>(value);
}

constexpr bpf_insn insn(int code, int target, int source, int offset, std::int32_t immediate) {
  bpf_insn out{};
  out.code = static_cast<std::uint8_t>(code);
  out.dst_reg = static_cast<std::uint8_t>(target & 0xf);
  out.src_reg = static_cast<std::uint8_t>(source & 0xf);
  out.off = static_cast<std::int16_t>(offset);
  out.imm = immediate;
  return out;
}

/// Its context is one number, the address; it copies a piece from there into the only value of the map.
int load_program(int map) {
  const std::array program{
      insn(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_6, BPF_REG_1, 0, 0),
      insn(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
      insn(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
      insn(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
      insn(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map),
      insn(0, 0, 0, 0, 0),
      insn(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
      insn(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 4, 0),
      insn(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_0, 0, 0),
      insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, k_piece_bytes),
      insn(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_6, 0, 0),
      insn(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_probe_read_kernel),
      insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  static const char k_license[] = "GPL";  // of these instructions: the helper asks for it
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
  attr.insns = pointer(program.data());
  attr.insn_cnt = static_cast<std::uint32_t>(program.size());
  attr.license = pointer(k_license);
  return bpf(BPF_PROG_LOAD, attr);
}

int make_map() {
  bpf_attr attr{};
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = sizeof(std::uint32_t);
  attr.value_size = k_piece_bytes;
  attr.max_entries = 1;
  return bpf(BPF_MAP_CREATE, attr);
}

}  // namespace

Result<BpfMemory> BpfMemory::open() {
  // Before 5.11 what BPF uses counts against RLIMIT_MEMLOCK.
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  ::setrlimit(RLIMIT_MEMLOCK, &unlimited);
  Fd map(make_map());
  if (!map) return refused("a BPF map cannot be made");
  Fd program(load_program(map.get()));
  if (!program) return refused("the BPF program that reads kernel memory is not accepted");
  return BpfMemory(std::move(map), std::move(program));
}

Result<std::string> BpfMemory::read(std::uint64_t address, std::uint64_t size) const {
  std::string out;
  while (out.size() < size) {
    const std::uint64_t at = address + out.size();
    bpf_attr run{};
    run.test.prog_fd = static_cast<std::uint32_t>(program_.get());
    run.test.ctx_in = pointer(&at);
    run.test.ctx_size_in = sizeof at;
    if (bpf(BPF_PROG_TEST_RUN, run) < 0) return refused("the BPF program cannot be run");
    if (run.test.retval != 0)
      return Error{ErrorKind::io, fmt::format("the kernel has no memory at {:x} that BPF may read", at),
                   "bpf", ""};
    std::array<char, k_piece_bytes> piece{};
    const std::uint32_t key = 0;
    bpf_attr look{};
    look.map_fd = static_cast<std::uint32_t>(map_.get());
    look.key = pointer(&key);
    look.value = pointer(piece.data());
    if (bpf(BPF_MAP_LOOKUP_ELEM, look) < 0) return refused("what the BPF program read cannot be fetched");
    out.append(piece.data(), std::min<std::uint64_t>(piece.size(), size - out.size()));
  }
  return out;
}

}  // namespace unzap
