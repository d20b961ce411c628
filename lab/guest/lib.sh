# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the scenarios share. A line that begins with "LAB " is for the runner outside.

now_ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }

say() { echo "LAB $*"; }

# workload ARGS...: the containers; the verdict is on the console, its lines in /out/workload.txt. Through a file, not a
# pipe: who has a hand on a container from outside lives on, with the pipe's end in it.
workload() {
  lab_workload "$@" >/tmp/workload.txt 2>&1
  cat /tmp/workload.txt
  cat /tmp/workload.txt >>/out/workload.txt
}

# The value of a key=value or key="value" in the workload's lines, the last one.
told() { sed -n "s/.* $1=\"\{0,1\}\([^\" ]*\).*/\1/p" /out/workload.txt | tail -n 1; }

verdict() { told verdict; }

# timed NAME COMMAND...: its output into /out/NAME, its time and exit code on the console.
timed() {
  timed_name=$1
  shift
  timed_start=$(now_ms)
  "$@" >"/out/$timed_name" 2>"/out/$timed_name.err"
  timed_code=$?
  say "step=$timed_name exit=$timed_code ms=$(($(now_ms) - timed_start))"
  return "$timed_code"
}

# plan_id FILE: the id of the first plan in what `unzap rescue --json` wrote into /out/FILE.
plan_id() { sed -n 's/^ *"id": "\([0-9a-z]*\)".*/\1/p' "/out/$1" | head -n 1; }

# What our own program sees in here: the diagnosis and a bundle.
look() {
  timed diagnose.json unzap diagnose --json
  timed record.txt unzap record --force -o /out/host.unzap
  dmesg >/out/dmesg.txt
}

hand_out() {
  dmesg >/out/dmesg.txt
  tar -c -C / out >/dev/ttyS1
}

# The tasks in D with a mount teardown on their stack, for the runner.
say_hung() {
  for hung in /proc/[0-9]*/task/[0-9]*; do
    grep -qs '^State:.D' "$hung/status" || continue
    say "hung tid=${hung##*/} comm=$(sed -n 's/^Name:.//p' "$hung/status") in=$(cut -d' ' -f2 "$hung/stack" 2>/dev/null | cut -d+ -f1 | head -n 4 | tr '\n' ',')"
  done
}

# watch_victims BEGIN_MS: waits until the spinner and the container's child are gone, says how long that took.
watch_victims() {
  while [ -e "/proc/$(told child)" ] || grep -qs '^State:.[RS]' "/proc/$(told tid)/status"; do usleep 100000; done
  say "last victim gone after $(($(now_ms) - $1)) ms"
}

# spins TID: the thread used the kernel for most of a second and did not leave its CPU.
spins() {
  spins_before="$(sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f13) $(grep ctxt "/proc/$1/status")"
  sleep 1
  spins_after="$(sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f13) $(grep ctxt "/proc/$1/status")"
  say "spins tid=$1 before=\"$(echo "$spins_before" | tr '\n\t' '  ')\" after=\"$(echo "$spins_after" | tr '\n\t' '  ')\""
  [ "${spins_before#* }" = "${spins_after#* }" ] && [ $((${spins_after%% *} - ${spins_before%% *})) -ge 20 ]
}
