// SPDX-License-Identifier: Apache-2.0
#include "snapshot/stack.hpp"

#include <gtest/gtest.h>

namespace unzap {
namespace {

Stack stack_of(std::initializer_list<const char*> functions) {
  Stack stack;
  for (const char* function : functions) stack.frames.push_back({.function = function});
  return stack;
}

TEST(Stack, FindsFunctionsInOrder) {
  const Stack stack = stack_of({"do_wait", "kernel_wait4", "zap_pid_ns_processes", "do_exit"});
  EXPECT_TRUE(stack.has_in_order({"do_wait", "zap_pid_ns_processes"}));
  EXPECT_FALSE(stack.has_in_order({"zap_pid_ns_processes", "do_wait"}));
}

TEST(Stack, GuessesAndInterruptsProveNothing) {
  Stack stack = stack_of({"asm_sysvec", "do_wait", "add_wait_queue"});
  stack.frames[0].interrupt = true;
  stack.frames[1].guess = true;
  EXPECT_FALSE(stack.has("do_wait"));
  EXPECT_EQ(stack.top(), "add_wait_queue");
}

TEST(Stack, TopSkipsGoingToSleep) {
  EXPECT_EQ(stack_of({"__schedule", "schedule", "do_wait"}).top(), "do_wait");
  EXPECT_EQ(stack_of({"schedule"}).top(), "");
}

TEST(Stack, PlainSymbolDropsCompilerSuffixes) {
  EXPECT_EQ(plain_symbol("io_sq_thread.cold"), "io_sq_thread");
  EXPECT_EQ(plain_symbol("show_regs.part.0"), "show_regs");
  EXPECT_EQ(plain_symbol("do_exit"), "do_exit");
}

}  // namespace
}  // namespace unzap
