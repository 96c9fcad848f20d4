// SPDX-License-Identifier: MIT
/*
 * ReadProcessMemory and WriteProcessMemory. The bytes go by process_vm_readv(2)
 * and process_vm_writev(2), in which the kernel looks each time whether we may,
 * and which work on the own process, too, without a fault.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#include "virtual/target.h"

/* Of one system call, which refuses what can be no size. */
#define MOST		((size_t)1 << 30)

/* One call of a program, and how far it has come. */
struct transfer {
	struct process *process;
	uint64_t addr;		/* there */
	char *buffer;		/* here */
	size_t size;
	size_t done;
};

typedef ssize_t (*transfer_call)(pid_t pid, const struct iovec *local,
				 unsigned long locals,
				 const struct iovec *remote,
				 unsigned long remotes, unsigned long flags);

/*
 * The calls know processes by number only. A number that was this process's
 * before and after the call was so while it looked it up.
 */
static bool is_there(const struct process *process)
{
	return process->own || process_has_number(process->pidfd);
}

/* 0 when all was transferred, or a negative errno. */
static int transfer(struct transfer *transfer, transfer_call call)
{
	struct iovec here, there;
	ssize_t done = 1;

	while (transfer->done < transfer->size) {
		here.iov_base = transfer->buffer + transfer->done;
		here.iov_len = transfer->size - transfer->done;
		if (here.iov_len > MOST)
			here.iov_len = MOST;
		there.iov_base = (void *)(uintptr_t)(transfer->addr +
						     transfer->done);
		there.iov_len = here.iov_len;
		if (!is_there(transfer->process))
			return -ESRCH;
		done = call(transfer->process->pid, &here, 1, &there, 1, 0);
		if (done < 0)
			return -errno;
		if (!done)
			return -EFAULT;
		transfer->done += done;
	}
	return is_there(transfer->process) ? 0 : -ESRCH;
}

/* What failed at the address there, and not at the buffer here? */
static bool cannot_read(const struct transfer *failed)
{
	char byte;
	struct transfer probe = {
		.process = failed->process,
		.addr = failed->addr + failed->done, .buffer = &byte, .size = 1,
	};

	return transfer(&probe, process_vm_readv) == -EFAULT;
}

/* The same of the buffer, from which is read. */
static bool cannot_read_buffer(const struct transfer *failed)
{
	struct process own = { .pidfd = -1, .pid = getpid(), .own = true };
	struct transfer probe = {
		.process = &own, .done = failed->done,
		.addr = (uintptr_t)failed->buffer,
	};

	return cannot_read(&probe);
}

static DWORD read_error(const struct transfer *failed, int error)
{
	if (error != -EFAULT)
		return error == -ENOMEM ? ERROR_NOT_ENOUGH_MEMORY :
					  ERROR_ACCESS_DENIED;
	return cannot_read(failed) ? ERROR_PARTIAL_COPY : ERROR_NOACCESS;
}

BOOL WINAPI ReadProcessMemory(HANDLE hProcess, LPCVOID lpBaseAddress,
			      LPVOID lpBuffer, SIZE_T nSize,
			      SIZE_T *lpNumberOfBytesRead)
{
	int saved_errno = errno, error;
	struct process process;
	struct transfer read = {
		.process = &process, .addr = (uintptr_t)lpBaseAddress,
		.buffer = lpBuffer, .size = nSize,
	};
	DWORD code = ERROR_SUCCESS;

	if (!process_look(hProcess, PROCESS_VM_READ, &process))
		return FALSE;
	error = transfer(&read, process_vm_readv);
	if (error)
		code = read_error(&read, error);
	errno = saved_errno;
	/* Of its own memory Windows tells no part. */
	if (lpNumberOfBytesRead)
		*lpNumberOfBytesRead = code && process.own ? 0 : read.done;
	return code ? ntmem_refuse(code) : TRUE;
}

/* ---------------------------------------------------------------- write --- */

/*
 * What may be executed and not written to is written to all the same. It is the
 * program's, so that there is no protection of ours to lift: as a debugger does.
 */
static int write_by_force(struct transfer *write)
{
	int proc = write->process->own ?
		   open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC) :
		   process_open_proc(write->process->pidfd);
	ssize_t done = 1;
	int memory;

	if (proc < 0)
		return -ESRCH;
	memory = openat(proc, "mem", O_WRONLY | O_CLOEXEC);
	close(proc);
	if (memory < 0)
		return -ESRCH;
	while (write->done < write->size && done > 0) {
		done = pwrite(memory, write->buffer + write->done,
			      write->size - write->done,
			      (off_t)(write->addr + write->done));
		if (done > 0)
			write->done += done;
	}
	close(memory);
	return write->done < write->size ? -EFAULT : 0;
}

/*
 * The same in memory of ours: with its protection lifted, which is then what it was
 * when it was looked at, for another call may have lifted it meanwhile.
 */
static int write_lifted(struct target *target, struct transfer *write,
			uint32_t prot)
{
	struct ntmem_protect protect = {
		.addr = write->addr, .size = write->size,
		.prot = PAGE_EXECUTE_READWRITE,
	};
	int error = target_protect(target, &protect);

	if (error)
		return error;
	error = transfer(write, process_vm_writev);
	protect.prot = prot;
	target_protect(target, &protect);
	return error;
}

/* May all of it be executed, and has one protection? */
static bool is_code(const struct ntmem_query *query, const struct transfer *write)
{
	switch (query->prot & ~PROT_CACHE) {
	case PAGE_EXECUTE:
	case PAGE_EXECUTE_READ:
		return write->size <= query->base + query->size - write->addr;
	default:
		return false;
	}
}

static bool is_writable(const struct ntmem_query *query)
{
	return query->prot & (PROT_WRITES | PAGE_WRITECOPY |
			      PAGE_EXECUTE_WRITECOPY);
}

static int write_any(struct target *target, struct transfer *write)
{
	struct ntmem_query query = { .addr = write->addr };
	int error = target_query(target, &query);

	if (error)
		return error == -EINVAL ? -EACCES : error;
	if (is_code(&query, write))
		return query.state == NTMEM_STATE_FOREIGN ?
		       write_by_force(write) :
		       write_lifted(target, write, query.prot);
	if (!is_writable(&query))
		return -EACCES;
	return transfer(write, process_vm_writev);
}

/* Nothing is told of how far it came where the first page was not for writing. */
static DWORD write_error(struct transfer *write, int error, SIZE_T *count)
{
	switch (error) {
	case -EACCES:
		return ERROR_NOACCESS;
	case -EFAULT:
		break;
	case -ENOMEM:
		return ERROR_NOT_ENOUGH_MEMORY;
	default:
		return ERROR_ACCESS_DENIED;
	}
	if (cannot_read_buffer(write))
		write->done = 0;
	else if (!write->done)
		return ERROR_NOACCESS;
	if (count)
		*count = write->done;
	return ERROR_PARTIAL_COPY;
}

BOOL WINAPI WriteProcessMemory(HANDLE hProcess, LPVOID lpBaseAddress,
			       LPCVOID lpBuffer, SIZE_T nSize,
			       SIZE_T *lpNumberOfBytesWritten)
{
	int saved_errno = errno, error = 0;
	struct target target;
	struct transfer write = {
		.process = &target.process, .addr = (uintptr_t)lpBaseAddress,
		.buffer = (char *)(uintptr_t)lpBuffer, .size = nSize,
	};
	DWORD code = ERROR_SUCCESS;

	if (!target_take(&target, hProcess,
			 PROCESS_VM_WRITE | PROCESS_VM_OPERATION))
		return FALSE;
	if (nSize)
		error = write_any(&target, &write);
	if (error)
		code = write_error(&write, error, lpNumberOfBytesWritten);
	target_give(&target);
	errno = saved_errno;
	if (code)
		return ntmem_refuse(code);
	if (lpNumberOfBytesWritten)
		*lpNumberOfBytesWritten = write.done;
	return TRUE;
}
