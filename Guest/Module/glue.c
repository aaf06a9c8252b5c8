// SPDX-License-Identifier: MIT
/*
 * The part of tidelock.ko that must be C: kernel macros and inline functions, and the structures
 * whose layout only the headers know. What the module decides and does is in Swift; names that
 * begin with tidelock_c_ are called from there, names that begin with tidelock_ are called here.
 */
#include <linux/kernel_read_file.h>
#include <linux/kobject.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/static_call.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <linux/utsname.h>
#include <linux/vmalloc.h>
#include <asm/ibt.h>

/* In Swift: Module.swift. Attributes are numbered in the order of the table below. */
int tidelock_load(void);
void tidelock_unload(void);
long tidelock_show(int attribute, char *page, long size);
long tidelock_store(int attribute, const char *text, long size);

static char *sites = "/lib/tidelock/sites";
module_param(sites, charp, 0444);
MODULE_PARM_DESC(sites, "file with the patch sites of this kernel (tidelock guest sites)");

const char *tidelock_c_sites_path(void)
{
	return sites;
}

/* Kernel functions that are not exported. Static calls, because a direct call needs no ENDBR at
 * its target: the kernel seals the functions whose address it never takes. */
static unsigned long no_symbol(const char *name)
{
	return 0;
}
DEFINE_STATIC_CALL(tidelock_lookup, no_symbol);

/* The address of a kernel symbol, 0 if there is none. */
unsigned long tidelock_c_symbol(const char *name)
{
	return static_call(tidelock_lookup)(name);
}

/* kallsyms_lookup_name is not exported either, but a kprobe finds any symbol. */
static int find_lookup(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	unsigned long address;
	int error = register_kprobe(&probe);

	if (error)
		return error;
	address = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
#ifdef CONFIG_X86_KERNEL_IBT
	/* A kprobe on a function's entry stands behind its ENDBR. */
	if (address & 15)
		address &= ~15UL;
#endif
	static_call_update(tidelock_lookup, (unsigned long (*)(const char *))address);
	return 0;
}

/* Reads code that may be gone (the site of an unloaded module). */
bool tidelock_c_read_code(void *into, unsigned long address, unsigned long size)
{
	return copy_from_kernel_nofault(into, (const void *)address, size) == 0;
}

/* Reads a whole file; its size or a negative error. The buffer is given back with tidelock_c_free. */
long tidelock_c_read_file(const char *path, void **buffer)
{
	return kernel_read_file_from_path(path, 0, buffer, 1 << 20, NULL, READING_UNKNOWN);
}

void tidelock_c_free(void *buffer)
{
	vfree(buffer);
}

const char *tidelock_c_release(void)
{
	return init_utsname()->release;
}

void tidelock_c_log(const char *text, int size)
{
	pr_info("tidelock: %.*s\n", size, text);
}

static ssize_t show(struct kobject *kobj, struct kobj_attribute *attribute, char *page);
static ssize_t store(struct kobject *kobj, struct kobj_attribute *attribute, const char *text,
		     size_t size);
static struct kobj_attribute attributes[] = {
	__ATTR(status, 0444, show, NULL),
};
static struct attribute *list[ARRAY_SIZE(attributes) + 1];
static const struct attribute_group group = { .attrs = list };
static struct kobject *folder;

static ssize_t show(struct kobject *kobj, struct kobj_attribute *attribute, char *page)
{
	return tidelock_show(attribute - attributes, page, PAGE_SIZE);
}

static ssize_t store(struct kobject *kobj, struct kobj_attribute *attribute, const char *text,
		     size_t size)
{
	return tidelock_store(attribute - attributes, text, size);
}

static int __init load(void)
{
	int error = find_lookup();
	int i;

	if (error) {
		pr_err("tidelock: no way to kernel symbols: kprobes answer %d\n", error);
		return error;
	}
	error = tidelock_load();
	if (error)
		return error;
	for (i = 0; i < ARRAY_SIZE(attributes); i++) {
		sysfs_attr_init(&attributes[i].attr);
		list[i] = &attributes[i].attr;
	}
	folder = kobject_create_and_add("tidelock", kernel_kobj);
	error = folder ? sysfs_create_group(folder, &group) : -ENOMEM;
	if (error) {
		kobject_put(folder);
		tidelock_unload();
	}
	return error;
}

static void __exit unload(void)
{
	/* First the files: from here on nobody else is in the Swift code. */
	kobject_put(folder);
	tidelock_unload();
}

module_init(load);
module_exit(unload);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Switches the spinlock operations of the running kernel");
