// SPDX-License-Identifier: MIT
/*
 * The kernel's text: its lock, its own way to write it, and a separate mapping for where that way cannot be
 * used. C because none of it is exported.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/static_call.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "glue.h"
#include "services.h"

static bool emulated;
module_param(emulated, bool, 0444);
MODULE_PARM_DESC(emulated, "an emulator runs this guest, unseen behind another hypervisor");

static void *no_poke(void *address, const void *bytes, size_t size)
{
	return NULL;
}
DEFINE_STATIC_CALL(tidelock_poke, no_poke);

static void no_sync(void)
{
}
DEFINE_STATIC_CALL(tidelock_sync, no_sync);

static struct mutex *text_lock;
/* Whether text is written twice (tidelock_c_serialize). */
static bool is_emulated;

int tidelock_text_start(void)
{
	word poke = tidelock_c_symbol((const unsigned char *)"text_poke");
	word sync = tidelock_c_symbol((const unsigned char *)"text_poke_sync");

	text_lock = (struct mutex *)tidelock_c_symbol((const unsigned char *)"text_mutex");
	if (!text_lock || !poke || !sync)
		return -ENOENT;
	static_call_update(tidelock_poke, (typeof(&no_poke))poke);
	static_call_update(tidelock_sync, (typeof(&no_sync))sync);
	is_emulated = emulated || tidelock_is_emulated();
	return 0;
}

void tidelock_c_unlock_text(void)
{
	mutex_unlock(text_lock);
}

/* Reads code that may not be there; false if it is not. */
bool tidelock_c_read_code(void *into, word address, word size)
{
	return copy_from_kernel_nofault(into, (const void *)address, size) == 0;
}

/* What was written since the CPUs were serialized last, and whether that was in a mapping. */
static struct {
	word address;
	unsigned long long bytes;
	word size;
	bool mapped;
} written[512];
static unsigned int written_count;

void tidelock_c_lock_text(void)
{
	mutex_lock(text_lock);
	/* Left over from a change that was abandoned, in a mapping that is gone. */
	written_count = 0;
}

static void write_code(word address, unsigned long long bytes, word size, bool mapped)
{
	word i;

	if (!mapped) {
		static_call(tidelock_poke)((void *)address, &bytes, size);
		return;
	}
	/* Byte by byte: a breakpoint stands before all but a first one. */
	for (i = 0; i < size; i++)
		WRITE_ONCE(((u8 *)address)[i], bytes >> (8 * i));
}

static void write_and_note(word address, unsigned long long bytes, word size, bool mapped)
{
	write_code(address, bytes, size, mapped);
	/* An emulator does not translate what lies behind a breakpoint. */
	if (!is_emulated || size > 1 || written_count == ARRAY_SIZE(written))
		return;
	written[written_count].address = address;
	written[written_count].bytes = bytes;
	written[written_count].mapped = mapped;
	written[written_count++].size = size;
}

/* With the text lock held, as is all here. */
void tidelock_c_write_code(word address, unsigned long long bytes, word size)
{
	write_and_note(address, bytes, size, false);
}

/* In a mapping that stays until the CPUs have been serialized. */
void tidelock_c_write_mapped_code(word place, unsigned long long bytes, word size)
{
	write_and_note(place, bytes, size, true);
}

/*
 * Every CPU has executed a core-serializing instruction when it returns.
 *
 * Under emulation the same bytes are then written once more. The emulator may have been translating the
 * old ones at the moment they changed, and have kept the translation: QEMU 7.2 does, and runs it in spite
 * of the serialization. By now the translation is complete, and this write makes the emulator drop it.
 */
void tidelock_c_serialize(void)
{
	unsigned int i;

	static_call(tidelock_sync)();
	for (i = 0; i < written_count; i++)
		write_code(written[i].address, written[i].bytes, written[i].size, written[i].mapped);
	written_count = 0;
}

/*
 * Maps pages of the kernel's text once more, one behind the other, writable; 0 if there is no room.
 * While all CPUs are gathered there is no other way: text_poke() takes a spinlock, whose own unlock may be
 * the site that is being written.
 */
word tidelock_c_map_text(const word *pages, word count)
{
	struct page **list = kmalloc_array(count, sizeof(*list), GFP_KERNEL);
	void *mapping;
	word i;

	if (!list)
		return 0;
	for (i = 0; i < count; i++)
		list[i] = virt_to_page((void *)pages[i]);
	mapping = vmap(list, count, VM_MAP, PAGE_KERNEL);
	kfree(list);
	return (word)mapping;
}

void tidelock_c_unmap_text(word mapping)
{
	vunmap((void *)mapping);
}
