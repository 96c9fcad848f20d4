// SPDX-License-Identifier: MIT
/*
 * Threads for other processes: a process that allows them makes them on request.
 */
#include "ntmem/ntmem.h"
#include "virtual/service.h"
#include "virtual/thread.h"

DWORD thread_request(const struct process *process,
		     const struct thread_start *start, int socket,
		     int deadline_ms)
{
	const struct service_request request = {
		.magic = SERVICE_MAGIC_THREADS,
		.arg = { start->start, start->parameter, start->stack },
	};

	return service_error(service_ask(process, &request, socket,
					 deadline_ms));
}

static void begin(const struct service_request *request, int socket,
		  const sigset_t *signals)
{
	const struct thread_start start = {
		.start = request->arg[0], .parameter = request->arg[1],
		.stack = request->arg[2],
	};

	thread_begin(&start, socket, signals);
}

BOOL ntmem_allow_remote_threads(void)
{
	/* Who makes threads here will want memory here as well. */
	ntmem_engine();
	return service_allow(SERVICE_THREADS, begin, false);
}

BOOL ntmem_forbid_remote_threads(void)
{
	service_forbid(SERVICE_THREADS);
	return TRUE;
}
