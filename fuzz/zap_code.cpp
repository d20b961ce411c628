// SPDX-License-Identifier: Apache-2.0
// Machine code: the first half as zap_pid_ns_processes, the second as what it waits in.
#include "kernel_image/zap_code.hpp"

#include "fuzz.hpp"

void unzap::fuzz_one(std::string_view input) {
  const ByteView bytes = bytes_of(input.substr(0, 2048));
  ZapFunctions functions;
  functions.isa = find_isa(Machine::x86_64);
  Result<Code> zap = functions.isa->read_code("zap", {{0x1000, bytes.first(bytes.size() / 2)}});
  Result<Code> wait = functions.isa->read_code("wait", {{0x3000, bytes.subspan(bytes.size() / 2)}});
  if (!zap || !wait) return;
  for (const Instruction& one : zap->instructions)
    if (one.calls != 0) functions.wait4 = one.calls;
  functions.zap = std::move(*zap);
  functions.waits.push_back(std::move(*wait));
  const ZapCode code = judge_zap(functions);
  must((code.fix == ZapFix::unknown) == !code.reason.empty());
}
