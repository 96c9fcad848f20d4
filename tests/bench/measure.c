// SPDX-License-Identifier: MIT
/* The clock, resident memory as the kernel counts it, and memory of our own. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static double read_clock(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

double seconds_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

unsigned long bench_count(const struct bench *bench, unsigned long count)
{
	unsigned long scaled = count * bench->scale;

	return scaled ? scaled : 1;
}

void bench_begin(struct bench *bench)
{
	bench->cpu_began = read_clock(CLOCK_PROCESS_CPUTIME_ID);
	bench->began = seconds_now();
}

void bench_end(struct bench *bench, unsigned long operations)
{
	bench->seconds += seconds_now() - bench->began;
	bench->cpu_seconds += read_clock(CLOCK_PROCESS_CPUTIME_ID) -
			      bench->cpu_began;
	bench->operations += operations;
}

void *bench_array(size_t count, size_t size)
{
	void *array = mmap(NULL, count * size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (array == MAP_FAILED)
		abort();
	/* What is ours is to weigh the same under every allocator. */
	madvise(array, count * size, MADV_NOHUGEPAGE);
	return array;
}

/* A line of /proc/self/status, read without a call of malloc. */
static unsigned long status_kib(const char *field)
{
	char text[4096], *line;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	line = strstr(text, field);
	return line ? strtoul(line + strlen(field), NULL, 10) : 0;
}

unsigned long resident_kib(void)
{
	return status_kib("\nVmRSS:");
}

unsigned long peak_kib(void)
{
	return status_kib("\nVmHWM:");
}
