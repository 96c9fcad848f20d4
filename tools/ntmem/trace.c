// SPDX-License-Identifier: MIT
/*
 * ntmem trace: events as they happen.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netlink.h"
#include "output.h"
#include "tool.h"

static const char *const kinds[] = {
	[NTMEM_EVENT_RESERVE] = "reserve",
	[NTMEM_EVENT_COMMIT] = "commit",
	[NTMEM_EVENT_DECOMMIT] = "decommit",
	[NTMEM_EVENT_PROTECT] = "protect",
	[NTMEM_EVENT_RELEASE] = "release",
	[NTMEM_EVENT_LIMIT] = "limit",
	[NTMEM_EVENT_GUARD] = "guard",
	[NTMEM_EVENT_DROPPED] = "dropped",
	[NTMEM_EVENT_CREATED] = "created",
	[NTMEM_EVENT_GONE] = "gone",
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/**
 * struct trace - what is asked for, and how far it is
 * @filter: which events
 * @json: lines of JSON instead of text
 * @count: end after so many, or 0
 * @events: were shown
 * @lost: were not, as the kernel has counted
 * @started: it was said what is listened to
 * @overrun: the socket has lost some that are in no count yet
 */
struct trace {
	struct netlink_filter filter;
	bool json;
	uint64_t count;
	uint64_t events;
	uint64_t lost;
	bool started;
	bool overrun;
};

static int usage(FILE *to, int status)
{
	fputs("usage: ntmem trace [OPTION...]\n\n"
	      "Shows what happens, as it happens, until it is interrupted: time (that\n"
	      "of CLOCK_MONOTONIC), process and thread, what, where, how much, with\n"
	      "which protection, how long it took, and the error if it failed. What\n"
	      "comes too fast is lost, and counted.\n\n"
	      "  -k, --kind KIND,...  only these: reserve, commit, decommit, protect,\n"
	      "                       release, limit, guard, dropped, created, gone\n"
	      "  -p, --pid PID        only of this process, and until it ends\n"
	      "  -n, --count N        end after N events\n"
	      "  -r, --rate N         at most N in a second, 10000 unless given\n"
	      "  -j, --json           lines of JSON: what is listened to, then events\n"
	      "  -h, --help           this text\n", to);
	return status;
}

static const char *kind_name(uint32_t kind)
{
	return kind < KINDS ? kinds[kind] : "unknown";
}

static bool is_operation(uint32_t kind)
{
	return kind <= NTMEM_EVENT_LIMIT;
}

static void print_event(struct nlattr **attrs)
{
	uint64_t time = netlink_u64(attrs, NTMEM_A_EVENT_TIME);
	uint32_t kind = netlink_u32(attrs, NTMEM_A_EVENT_KIND);
	int result = (int)netlink_u32(attrs, NTMEM_A_EVENT_RESULT);
	char text[TEXT_MAX];

	printf("%5" PRIu64 ".%09" PRIu64 " %7" PRIu32 " %7" PRIu32 " %-8s",
	       time / 1000000000, time % 1000000000,
	       netlink_u32(attrs, NTMEM_A_EVENT_PID),
	       netlink_u32(attrs, NTMEM_A_EVENT_TID), kind_name(kind));
	printf(" 0x%012" PRIx64 " %8s",
	       netlink_u64(attrs, NTMEM_A_EVENT_ADDR),
	       number_to_text(netlink_u64(attrs, NTMEM_A_EVENT_SIZE), text));
	if (is_operation(kind))
		printf(" %-8s %8" PRIu64 " ns",
		       prot_to_text(netlink_u32(attrs, NTMEM_A_EVENT_PROT),
				    text),
		       netlink_u64(attrs, NTMEM_A_EVENT_DURATION));
	if (result)
		printf(" %s%s%s", colour(COLOUR_RED), errno_name(result),
		       colour(COLOUR_NONE));
	putchar('\n');
}

static void add_number(struct json_object *object, const char *name,
		       uint64_t value)
{
	json_object_object_add(object, name, json_object_new_uint64(value));
}

static struct json_object *event_to_json(struct nlattr **attrs)
{
	struct json_object *object = json_object_new_object();
	uint32_t kind = netlink_u32(attrs, NTMEM_A_EVENT_KIND);
	int result = (int)netlink_u32(attrs, NTMEM_A_EVENT_RESULT);
	char prot[TEXT_MAX];

	json_object_object_add(object, "event",
			       json_object_new_string(kind_name(kind)));
	add_number(object, "time", netlink_u64(attrs, NTMEM_A_EVENT_TIME));
	add_number(object, "pid", netlink_u32(attrs, NTMEM_A_EVENT_PID));
	add_number(object, "tid", netlink_u32(attrs, NTMEM_A_EVENT_TID));
	add_number(object, "address", netlink_u64(attrs, NTMEM_A_EVENT_ADDR));
	add_number(object, "size", netlink_u64(attrs, NTMEM_A_EVENT_SIZE));
	prot_to_text(netlink_u32(attrs, NTMEM_A_EVENT_PROT), prot);
	json_object_object_add(object, "prot", is_operation(kind) ?
			       json_object_new_string(prot) : NULL);
	add_number(object, "flags", netlink_u32(attrs, NTMEM_A_EVENT_FLAGS));
	add_number(object, "duration",
		   netlink_u64(attrs, NTMEM_A_EVENT_DURATION));
	json_object_object_add(object, "error", !result ? NULL :
			       json_object_new_string(errno_name(result)));
	add_number(object, "lost", netlink_u64(attrs, NTMEM_A_EVENT_LOST));
	return object;
}

static bool is_over(const struct trace *trace)
{
	return trace->count && trace->events >= trace->count;
}

/* From here on all is heard: whoever waits for this line knows. */
static void print_start(struct trace *trace)
{
	const struct netlink_filter *filter = &trace->filter;
	struct json_object *object, *list;

	if (trace->started)
		return;
	trace->started = true;
	if (!trace->json) {
		printf("%s%15s %7s %7s %-8s %14s %8s %-8s %11s%s\n",
		       colour(COLOUR_BOLD), "TIME", "PID", "TID", "WHAT",
		       "ADDRESS", "SIZE", "PROT", "TOOK", colour(COLOUR_NONE));
		return;
	}
	object = json_object_new_object();
	list = json_object_new_array();
	for (size_t i = 0; i < KINDS; i++)
		if (filter->kinds & 1U << i)
			json_object_array_add(list,
					      json_object_new_string(kinds[i]));
	json_object_object_add(object, "kinds", list);
	json_object_object_add(object, "pid", filter->pid ?
			       json_object_new_uint64(filter->pid) : NULL);
	add_number(object, "rate",
		   filter->rate ? filter->rate : NTMEM_EVENT_RATE);
	print_json_line(object);
}

static void on_event(int command, struct nlattr **attrs, void *arg)
{
	struct trace *trace = arg;
	uint64_t lost = netlink_u64(attrs, NTMEM_A_EVENT_LOST);

	if (command != NTMEM_CMD_EVENT || is_over(trace))
		return;
	print_start(trace);
	if (lost > trace->lost && !trace->json)
		printf("# %" PRIu64 " lost\n", lost - trace->lost);
	trace->lost = lost;
	trace->overrun = false;
	trace->events++;
	if (trace->json)
		print_json_line(event_to_json(attrs));
	else
		print_event(attrs);
}

/* Interruptions become something to read, so that none comes at a wrong time. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Events, until there is an end. Return: 0 or a negative errno. */
static int listen_to(struct netlink *nl, struct trace *trace, int signals,
		     int process)
{
	struct pollfd fds[] = {
		{ .fd = netlink_fd(nl), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = process, .events = POLLIN },
	};
	int error;

	while (!is_over(trace)) {
		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return -errno;
		/* Of a process that has ended there is still what it did. */
		error = netlink_events(nl, on_event, trace);
		fflush(stdout);
		if (ferror(stdout))
			return 0;
		if (error == -ENOBUFS)
			trace->overrun = true;
		else if (error)
			return error;
		if (fds[1].revents || (fds[2].revents && !fds[0].revents))
			return 0;
	}
	return 0;
}

static void print_end(const struct trace *trace)
{
	fprintf(stderr, "ntmem: trace: %" PRIu64 " event%s, %" PRIu64 " lost%s\n",
		trace->events, trace->events == 1 ? "" : "s", trace->lost,
		trace->overrun ? ", and more after the last" : "");
}

static int run(struct netlink *nl, struct trace *trace)
{
	int signals = open_signals(), process = -1, error = 0;

	/* Before the subscription, which is to find the same process. */
	if (trace->filter.pid) {
		process = (int)syscall(SYS_pidfd_open, trace->filter.pid, 0);
		if (process < 0)
			error = -errno;
	}
	if (!error)
		error = netlink_subscribe(nl, &trace->filter, on_event, trace);
	if (!error) {
		print_start(trace);
		fflush(stdout);
		error = listen_to(nl, trace, signals, process);
		print_end(trace);
	}
	if (process >= 0)
		close(process);
	close(signals);
	return error ? netlink_failed(nl, "trace", error) : TOOL_OK;
}

/* KIND,KIND...: adds them. */
static bool parse_kinds(const char *text, uint32_t *mask)
{
	for (;;) {
		size_t len = strcspn(text, ","), i;

		for (i = 0; i < KINDS; i++)
			if (strlen(kinds[i]) == len &&
			    !strncmp(text, kinds[i], len))
				break;
		if (i == KINDS)
			return false;
		*mask |= 1U << i;
		if (!text[len])
			return true;
		text += len + 1;
	}
}

/* False if the option is wrong. */
static bool parse(int option, struct trace *trace)
{
	uint64_t number;

	switch (option) {
	case 'k':
		return parse_kinds(optarg, &trace->filter.kinds);
	case 'p':
		return text_to_pid(optarg, &trace->filter.pid);
	case 'n':
		return text_to_number(optarg, &trace->count) && trace->count;
	case 'r':
		if (!text_to_number(optarg, &number) || !number ||
		    number > UINT32_MAX)
			return false;
		trace->filter.rate = (uint32_t)number;
		return true;
	case 'j':
		trace->json = true;
		return true;
	}
	return false;
}

int trace_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "kind", required_argument, NULL, 'k' },
		{ "pid", required_argument, NULL, 'p' },
		{ "count", required_argument, NULL, 'n' },
		{ "rate", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct trace trace = { 0 };
	struct netlink nl;
	int option, status;

	while ((option = getopt_long(argc, argv, "k:p:n:r:jh", options,
				     NULL)) >= 0) {
		if (option == 'h')
			return usage(stdout, TOOL_OK);
		if (!parse(option, &trace))
			return tool_wrong_option(option, usage);
	}
	if (optind < argc)
		return usage(stderr, TOOL_USAGE);
	if (!trace.filter.kinds)
		trace.filter.kinds = (1U << KINDS) - 1;
	status = netlink_start(&nl, "trace");
	if (status)
		return status;
	status = run(&nl, &trace);
	netlink_close(&nl);
	return status;
}
