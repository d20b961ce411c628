/* SPDX-License-Identifier: Apache-2.0 */
/* Leader election on a ring (Chang and Roberts): every process sends its number on; a larger one is passed on, a
   smaller one is dropped, the own one that comes back makes a leader. */
#define N 10
#define ROOM 4
#define NUMBER (((_pid * 7) % N) + 1)

chan q[N] = [ROOM] of { byte };

active [N] proctype p() {
  byte m;
  q[(_pid + 1) % N]!NUMBER;
wait:
  q[_pid]?m;
  if
  :: m < NUMBER -> goto wait
  :: m > NUMBER -> goto pass
  :: m == NUMBER -> goto leader
  fi;
pass:
  q[(_pid + 1) % N]!m;
  goto wait;
leader:
  q[_pid]?m;
  goto leader
}
