/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded buffer under one lock: producers of changing items, consumers that keep what they took last. */
#define PRODUCERS 3
#define CONSUMERS 2
#define SIZE 5
#define ITEMS 3

byte buf[SIZE];
byte head, count, locked;

active [PRODUCERS] proctype producer() {
  byte item;
make:
  item = (item + 1) % ITEMS;
  d_step { locked == 0 && count < SIZE -> locked = 1 };
  d_step { buf[(head + count) % SIZE] = item; count++ };
  locked = 0;
  goto make
}

active [CONSUMERS] proctype consumer() {
  byte item;
take:
  atomic { locked == 0 && count > 0 -> locked = 1 };
  d_step { item = buf[head]; buf[head] = 0; head = (head + 1) % SIZE; count-- };
  locked = 0;
  goto take
}
