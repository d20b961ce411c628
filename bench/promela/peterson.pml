/* SPDX-License-Identifier: Apache-2.0 */
/* Peterson's algorithm for N processes: N - 1 waiting rooms; the last one in a room waits there until no other
   process is as far as it, or another one came in after it. */
#ifndef N
#define N 4
#endif

byte level[N];
byte last[N];

active [N] proctype p() {
  byte room, other;
try:
  room = 1;
enter:
  level[_pid] = room;
  last[room] = _pid;
wait:
  other = 0;
look:
  if
  :: last[room] != _pid -> goto through
  :: last[room] == _pid && (other == _pid || (other < N && level[other] < room)) -> other++; goto look
  :: last[room] == _pid && other < N && other != _pid && level[other] >= room -> goto wait
  :: last[room] == _pid && other == N -> goto through
  fi;
through:
  if
  :: room < N - 1 -> room++; goto enter
  :: room == N - 1 -> goto critical
  fi;
critical:
  level[_pid] = 0;
  goto try
}
