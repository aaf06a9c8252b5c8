// SPDX-License-Identifier: MIT
/*
 * Keeping kprobes off the sites.
 *
 * A kprobe executes a copy of the instruction that it found when it was set, and a jump-optimised one
 * copies what lies behind it as well. On a site that is poked afterwards, such a copy is of the wrong
 * set. So there must be none when the module is loaded, and none may be set while it is: the sites are on
 * the kernel's own list of places where no probe may stand. A probe that had passed that list already,
 * but was not yet registered, is found before the next switch; and as long as a switch lasts, the lock of
 * the kprobes keeps probes from being registered, armed or disarmed.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/static_call.h>
#include <linux/version.h>
#include "glue.h"
#include "services.h"

/* As many bytes before a site as the longest instruction has. */
#define REACH 15
#define SITE 6

static void *no_probe(void *address)
{
	return NULL;
}
DEFINE_STATIC_CALL(tidelock_get_kprobe, no_probe);

static struct mutex *probes_lock;
static struct list_head *forbidden;

/* One of ours on the kernel's list, and the next of ours. */
struct forbidden_range {
	struct kprobe_blacklist_entry entry;
	struct forbidden_range *next;
};
static struct forbidden_range *ranges;

int tidelock_probes_start(void)
{
	word get = tidelock_c_symbol((const unsigned char *)"get_kprobe");

	probes_lock = (struct mutex *)tidelock_c_symbol((const unsigned char *)"kprobe_mutex");
	forbidden = (struct list_head *)tidelock_c_symbol((const unsigned char *)"kprobe_blacklist");
	if (!get || !probes_lock || !forbidden)
		return -ENOENT;
	static_call_update(tidelock_get_kprobe, (typeof(&no_probe))get);
	return 0;
}

/* Taken before the CPUs are held and before the lock of the text, as the kernel does. */
void tidelock_c_lock_probes(void)
{
	mutex_lock(probes_lock);
}

void tidelock_c_unlock_probes(void)
{
	mutex_unlock(probes_lock);
}

/*
 * The address of a kprobe, disabled or not, that stands on a site or so little before it that it
 * may have a copy of it; 0 if there is none. With the lock of the probes held.
 */
word tidelock_c_probe_covering(word site)
{
	word address;

	for (address = site - REACH; address < site + SITE; address++)
		if (static_call(tidelock_get_kprobe)((void *)address))
			return address;
	return 0;
}

/* With the lock of the probes held, as below. False if there is no memory. */
static bool forbid(word start, word end)
{
	struct forbidden_range *range = kzalloc(sizeof(*range), GFP_KERNEL);

	if (!range)
		return false;
	range->entry.start_addr = start;
	range->entry.end_addr = end;
	range->next = ranges;
	ranges = range;
	list_add_tail_rcu(&range->entry.list, forbidden);
	return true;
}

bool tidelock_c_forbid_probes(word site)
{
	return forbid(site - REACH, site + SITE);
}

/*
 * No probe may stand in this module either: the breakpoint handler would hit another breakpoint, and a
 * probe in its slow paths would delay every CPU that waits for a lock.
 */
bool tidelock_c_forbid_probes_here(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	struct module_memory *text = &THIS_MODULE->mem[MOD_TEXT];

	return forbid((word)text->base, (word)text->base + text->size);
#else
	struct module_layout *core = &THIS_MODULE->core_layout;

	return forbid((word)core->base, (word)core->base + core->text_size);
#endif
}

/* Takes all of ours off the list again. */
void tidelock_c_allow_probes(void)
{
	struct forbidden_range *range;

	for (range = ranges; range; range = range->next)
		list_del_rcu(&range->entry.list);
	/* Readers of the list have preemption off or hold the lock of the probes. */
	synchronize_rcu_expedited();
	while ((range = ranges)) {
		ranges = range->next;
		kfree(range);
	}
}
