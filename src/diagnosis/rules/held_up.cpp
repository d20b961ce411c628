// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/held_up.hpp"

#include "util/text.hpp"

namespace unzap {

HeldUp held_up(const Picture& picture, const Task& parent) {
  if (const CgroupState* freezer = picture.scene.freezer_of(parent))
    return {HeldUp::frozen, printable(freezer->path, 128)};
  if (parent.state.is('T')) return {HeldUp::stopped};
  if (parent.state.is('t')) {
    HeldUp out{HeldUp::traced};
    if (parent.tracer_pid) out.tracer = *parent.tracer_pid;
    return out;
  }
  if (parent.state.is('D')) return {HeldUp::blocked};
  return {};
}

}  // namespace unzap
