// SPDX-License-Identifier: MIT
/*
 * Runs a command and prints a line for each change of the kernel's text that perf was told of meanwhile:
 * address, bytes before, bytes after.
 *
 *   text_pokes COMMAND
 */
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096
/* A power of two; some hundred records of 48 bytes are to be expected. */
#define PAGES 64
#define CPUS 64

static unsigned char *rings[CPUS];

/* Records of text pokes on one CPU, for whatever runs there. */
static unsigned char *open_ring(int cpu)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_DUMMY,
		.text_poke = 1,
	};
	int file = syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, 0);
	void *ring;

	if (file < 0)
		return NULL;
	ring = mmap(NULL, (1 + PAGES) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	return ring == MAP_FAILED ? NULL : ring;
}

static void print_bytes(const unsigned char *bytes, unsigned int count)
{
	unsigned int i;

	putchar(' ');
	for (i = 0; i < count; i++)
		printf("%02x", bytes[i]);
}

static void print_ring(const unsigned char *ring)
{
	const struct perf_event_mmap_page *page = (const void *)ring;
	uint64_t end = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), at = 0;
	unsigned char record[PAGE];

	while (at + sizeof(struct perf_event_header) <= end && end <= PAGES * PAGE) {
		struct perf_event_header header;
		uint64_t address;
		uint16_t before, after;

		memcpy(&header, ring + PAGE + at, sizeof(header));
		if (header.size < sizeof(header) || header.size > sizeof(record))
			return;
		memcpy(record, ring + PAGE + at, header.size);
		at += header.size;
		if (header.type != PERF_RECORD_TEXT_POKE)
			continue;
		memcpy(&address, record + 8, 8);
		memcpy(&before, record + 16, 2);
		memcpy(&after, record + 18, 2);
		printf("%llx", (unsigned long long)address);
		print_bytes(record + 20, before);
		print_bytes(record + 20 + before, after);
		putchar('\n');
	}
}

int main(int count, char **words)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), i;
	int status;

	if (count != 2 || cpus > CPUS)
		return 2;
	for (i = 0; i < cpus; i++) {
		rings[i] = open_ring(i);
		if (!rings[i]) {
			perror("text_pokes: no events of changed text");
			return 2;
		}
	}
	status = system(words[1]);
	for (i = 0; i < cpus; i++)
		print_ring(rings[i]);
	return status != 0;
}
