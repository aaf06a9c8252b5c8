// SPDX-License-Identifier: MIT
/*
 * Tells perf what a site held and will hold, as the kernel does for its own pokes: between the tail and the
 * first byte, while CPUs that get there trap. A recorded trace (Intel PT) can then be decoded. C because the
 * function that does so is not exported; in a kernel without it perf is not told.
 */
#include <linux/kernel.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "glue.h"
#include "services.h"

#define SITE 6

static void no_record(const void *address, const void *old, size_t old_size, const void *new,
		      size_t new_size)
{
}
DEFINE_STATIC_CALL(tidelock_text_record, no_record);

/* What each site held before the breakpoint that stands on it, by its number in the table. */
static u8 before[512][SITE];

void tidelock_perf_start(void)
{
	word record = tidelock_c_symbol((const unsigned char *)"perf_event_text_poke");

	if (record)
		static_call_update(tidelock_text_record, (typeof(&no_record))record);
}

/* All with the lock of the text, in task context. For a site that traps already, the record stays. */
void tidelock_c_note_text(word site, word address)
{
	u8 now[SITE];

	if (site >= ARRAY_SIZE(before) ||
	    copy_from_kernel_nofault(now, (const void *)address, SITE) || now[0] == 0xcc)
		return;
	memcpy(before[site], now, SITE);
}

/* `first`: the byte that will replace the breakpoint. */
void tidelock_c_tell_text(word site, word address, unsigned int first)
{
	u8 now[SITE];

	if (site >= ARRAY_SIZE(before) ||
	    copy_from_kernel_nofault(now, (const void *)address, SITE))
		return;
	now[0] = first;
	if (memcmp(before[site], now, SITE))
		static_call(tidelock_text_record)((const void *)address, before[site], SITE, now, SITE);
}
