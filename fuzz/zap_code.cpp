// SPDX-License-Identifier: Apache-2.0
// Machine code: the first half as zap_pid_ns_processes, the second as what it waits in.
#include "kernel_image/zap_code.hpp"

#include "fuzz.hpp"

void unzap::fuzz_one(std::string_view input) {
  const ByteView bytes = bytes_of(input.substr(0, 2048));
  Result<Routine> zap = read_routine("zap", {{0x1000, bytes.first(bytes.size() / 2)}});
  Result<Routine> wait = read_routine("wait", {{0x3000, bytes.subspan(bytes.size() / 2)}});
  if (!zap || !wait) return;
  ZapRoutines routines;
  for (const Step& step : zap->steps)
    if (step.calls != 0) routines.wait4 = step.calls;
  routines.zap = std::move(*zap);
  routines.waits.push_back(std::move(*wait));
  const ZapCode code = judge_zap(routines);
  must((code.fix == ZapFix::unknown) == !code.reason.empty());
}
