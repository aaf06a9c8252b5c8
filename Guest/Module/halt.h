/* SPDX-License-Identifier: MIT */
#include <linux/types.h>

int tidelock_halt_start(void);
void tidelock_halt_stop(void);

void tidelock_wait(u8 *byte, u8 value);
void tidelock_kick(int cpu);
