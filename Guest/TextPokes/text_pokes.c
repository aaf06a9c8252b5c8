// SPDX-License-Identifier: MIT
/*
 * Runs a command and prints a line for each change of the kernel's text that perf was told of meanwhile, the
 * earliest first: address, bytes before, bytes after.
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
#include <time.h>
#include <unistd.h>

#define PAGE 4096
/* A power of two; some hundred records of 48 bytes are to be expected. */
#define PAGES 64
#define CPUS 64

static unsigned char *rings[CPUS];

struct change {
	uint64_t time, address;
	uint16_t before, after;
	const unsigned char *bytes;
};

static struct change *changes;
static size_t change_count;

/*
 * Records of text pokes on one CPU, for whatever runs there. Each carries its time: who changes text may move
 * to another CPU between two changes, and rings know of no order among themselves. The raw clock never runs
 * backwards from one CPU to the next, which the scheduler's may.
 */
static unsigned char *open_ring(int cpu)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_DUMMY,
		.text_poke = 1,
		.sample_type = PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC_RAW,
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

static void print_change(const struct change *change)
{
	printf("%llx", (unsigned long long)change->address);
	print_bytes(change->bytes, change->before);
	print_bytes(change->bytes + change->before, change->after);
	putchar('\n');
}

/* Appends what a ring holds, unless it has run over. False if it has, or there is no memory. */
static int gather(const unsigned char *ring)
{
	const struct perf_event_mmap_page *page = (const void *)ring;
	uint64_t end = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), at = 0;

	if (end > PAGES * PAGE)
		return 0;
	while (at + sizeof(struct perf_event_header) <= end) {
		const unsigned char *record = ring + PAGE + at;
		struct perf_event_header header;
		struct change change, *longer;

		memcpy(&header, record, sizeof(header));
		if (header.size < sizeof(header) || header.size > end - at)
			return 0;
		at += header.size;
		if (header.type != PERF_RECORD_TEXT_POKE)
			continue;
		memcpy(&change.address, record + 8, 8);
		memcpy(&change.before, record + 16, 2);
		memcpy(&change.after, record + 18, 2);
		/* What every record ends with, sample_id_all being set, is its time alone. */
		memcpy(&change.time, record + header.size - 8, 8);
		change.bytes = record + 20;
		longer = realloc(changes, (change_count + 1) * sizeof(*changes));
		if (!longer)
			return 0;
		changes = longer;
		changes[change_count++] = change;
	}
	return 1;
}

static int earlier(const void *one, const void *other)
{
	uint64_t a = ((const struct change *)one)->time, b = ((const struct change *)other)->time;

	return (a > b) - (a < b);
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
	for (i = 0; i < cpus; i++) {
		if (!gather(rings[i])) {
			fprintf(stderr, "text_pokes: more changes than are kept\n");
			return 2;
		}
	}
	qsort(changes, change_count, sizeof(*changes), earlier);
	for (size_t change = 0; change < change_count; change++)
		print_change(&changes[change]);
	return status != 0;
}
