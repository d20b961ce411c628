// SPDX-License-Identifier: Apache-2.0
#include "cli/check_command.hpp"
#include "cli/command.hpp"
#include "cli/diagnose_command.hpp"
#include "cli/explain_command.hpp"
#include "cli/patched_command.hpp"
#include "cli/record_command.hpp"
#include "cli/replay_command.hpp"
#include "cli/rescue_command.hpp"
#include "cli/risk_command.hpp"
#include "cli/scenarios_command.hpp"
#include "cli/simulate_command.hpp"

/// The verbs, in the order of the help. A new verb is a file of its own and a line here.
int main(int argc, char** argv) {
  return unzap::run_program(argc, argv,
                            {unzap::add_diagnose_command, unzap::add_rescue_command,
                             unzap::add_record_command, unzap::add_patched_command, unzap::add_risk_command,
                             unzap::add_check_command, unzap::add_replay_command, unzap::add_simulate_command,
                             unzap::add_scenarios_command, unzap::add_explain_command});
}
