// SPDX-License-Identifier: MIT
/*
 * The surroundings of a measurement: made as steady as a process can, and
 * written down.
 */
#include <dirent.h>
#include <json-c/json.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cost.h"

#define STACK_TOUCHED (256 * COST_KIB)

/* Starts the program again at addresses that are the same in every run. */
static void fix_addresses(void)
{
	int now = personality(0xffffffff);

	if (now == -1 || now & ADDR_NO_RANDOMIZE)
		return;
	if (personality((unsigned long)now | ADDR_NO_RANDOMIZE) == -1)
		return;
	/* Some filters accept the call and ignore it: do not go round. */
	if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE))
		return;
	execv("/proc/self/exe", tool_arguments);
}

static void pin(void)
{
	cpu_set_t mine, one;

	if (sched_getaffinity(0, sizeof(mine), &mine))
		return;
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &mine)) {
			CPU_SET(cpu, &one);
			sched_setaffinity(0, sizeof(one), &one);
			return;
		}
	}
}

static void touch_stack(void)
{
	volatile char deep[STACK_TOUCHED];

	for (size_t i = 0; i < sizeof(deep); i += COST_PAGE)
		deep[i] = 1;
}

void cost_settle(bool threads)
{
	fix_addresses();
	touch_stack();
	if (!threads)
		pin();
	/* Without the right to, the study is only a little less steady. */
	if (mlockall(MCL_CURRENT))
		return;
}

/* ---- what it was measured on ---- */

static void add(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, json_object_new_string(text));
}

/* The first line of a file, "" where there is none. Returns buf. */
static const char *first_line(const char *path, char *buf, size_t size)
{
	FILE *file = fopen(path, "re");

	*buf = '\0';
	if (!file)
		return buf;
	if (fgets(buf, (int)size, file))
		buf[strcspn(buf, "\n")] = '\0';
	fclose(file);
	return buf;
}

/* The files of a folder with their first lines. */
static struct json_object *folder(const char *path)
{
	struct json_object *object = json_object_new_object();
	DIR *list = opendir(path);
	struct dirent *entry;
	char name[512], line[256];

	while (list && (entry = readdir(list))) {
		if (*entry->d_name == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		add(object, entry->d_name,
		    first_line(name, line, sizeof(line)));
	}
	if (list)
		closedir(list);
	return object;
}

static void add_mitigations(struct json_object *to)
{
	struct json_object *all =
		folder("/sys/devices/system/cpu/vulnerabilities");
	char line[1024];
	int on = 0, total = 0;

	json_object_object_foreach(all, key, value) {
		(void)key;
		total++;
		on += !strncmp(json_object_get_string(value), "Mitigation", 10);
	}
	first_line("/proc/cmdline", line, sizeof(line));
	add(to, "cmdline", line);
	snprintf(line, sizeof(line), "%s, for %d of %d known problems",
		 strstr(json_object_get_string(
				json_object_object_get(to, "cmdline")),
			"mitigations=off") ? "off" : on ? "on" : "none",
		 on, total);
	add(to, "mitigations", line);
	json_object_object_add(to, "vulnerabilities", all);
}

static void add_cpu(struct json_object *to)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256], *text;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "model name", 10))
			continue;
		text = strchr(line, ':');
		if (!text)
			continue;
		text[strcspn(text, "\n")] = '\0';
		add(to, "cpu", text + 1 + strspn(text + 1, " "));
		break;
	}
	if (file)
		fclose(file);
	json_object_object_add(to, "cpus",
		json_object_new_int64(sysconf(_SC_NPROCESSORS_ONLN)));
}

struct json_object *cost_environment(const struct ntmem_engine *engine)
{
	struct json_object *to = json_object_new_object();
	struct utsname name;
	char line[256];

	uname(&name);
	add(to, "tool", "ntmem cost");
	add(to, "version", TOOL_VERSION);
	add(to, "engine", engine->name);
	add(to, "kernel", name.release);
	add(to, "machine", name.machine);
	add_cpu(to);
	add(to, "unit", cost_unit_name(cost_clock.unit));
	add(to, "clock", cost_clock.tsc ? "tsc" : "monotonic");
	json_object_object_add(to, "clock_cost",
			       json_object_new_int64(cost_clock.cost));
	add(to, "thp",
	    first_line("/sys/kernel/mm/transparent_hugepage/enabled", line,
		       sizeof(line)));
	add_mitigations(to);
	json_object_object_add(to, "module",
			       folder("/sys/module/ntmem/parameters"));
	return to;
}
