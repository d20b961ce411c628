/* SPDX-License-Identifier: Apache-2.0 */
/* Peterson's algorithm for N processes (the filter lock): N - 1 rooms; in each one a process waits, for one other
   after the other, until that one is not as far or a third one came in later. Every read is a step of its own. */
#define N 4

byte level[N];
byte last[N];

active [N] proctype p() {
  byte room = 1;
  byte k;
enter:
  level[_pid] = room;
  last[room] = _pid;
  k = 0;
wait:
  if
  :: d_step { k < N && (k == _pid || level[k] < room) -> k++ }; goto wait
  :: k < N && k != _pid && level[k] >= room -> goto late
  :: d_step { k == N && room < N - 1 -> room++ }; goto enter
  :: d_step { k == N && room == N - 1 -> room = 1 }; goto leave
  fi;
late:
  if
  :: last[room] == _pid -> goto wait
  :: d_step { last[room] != _pid -> k++ }; goto wait
  fi;
leave:
  level[_pid] = 0;
  goto enter
}
