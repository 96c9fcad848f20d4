// SPDX-License-Identifier: MIT
/*
 * The kernel's own accesses to the memory: pipes, process_vm_readv, /proc/mem,
 * O_DIRECT, vmsplice, io_uring, futexes. What is written is always stamped for
 * where it goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define MOST	(16 * PAGE)

static u64 buffers[THREADS + 1][MOST / sizeof(u64)]
	__attribute__((aligned(4096)));

/* Pages that vmsplice gave to a pipe stay there until they are drained. */
static int held[2] = { -1, -1 };

static u64 *buffer_of(const struct op *op)
{
	return buffers[op->thread % THREADS];
}

static long through_pipe(struct iovec *mine, struct iovec *it, bool write_it)
{
	int ends[2];
	long n;

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC))
		return -1;
	n = writev(ends[1], write_it ? mine : it, 1);
	if (n > 0)
		n = readv(ends[0], write_it ? it : mine, 1);
	close(ends[0]);
	close(ends[1]);
	return n;
}

static long through_mem(struct iovec *mine, struct iovec *it, bool write_it)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	long n;

	if (fd < 0)
		return -1;
	n = write_it ? pwrite(fd, mine->iov_base, mine->iov_len,
			      (off_t)(uintptr_t)it->iov_base) :
		       pread(fd, mine->iov_base, mine->iov_len,
			     (off_t)(uintptr_t)it->iov_base);
	close(fd);
	return n;
}

/* A file for O_DIRECT: on a disk, or in RAM as far as that goes. */
static int direct_file(void)
{
	static const char *const names[] = { "/scratch/fuzz", "/dev/ram1" };
	int fd = -1;

	for (unsigned int i = 0; fd < 0 && i < 2; i++)
		fd = open(names[i], O_RDWR | O_DIRECT | O_CLOEXEC |
			  (i ? 0 : O_CREAT), 0600);
	return fd;
}

/*
 * What is on the disk in the end counts: a RAM disk may have lost a page for which
 * it found no memory.
 */
static long through_disk(struct iovec *mine, struct iovec *it, bool write_it)
{
	int fd = direct_file();
	off_t offset = (off_t)(getpid() % 64) * MOST;
	long n;

	if (fd < 0)
		return -1;
	n = pwritev(fd, write_it ? mine : it, 1, offset);
	if (n > 0 && write_it)
		n = preadv(fd, mine, 1, offset);
	if (n > 0)
		n = preadv(fd, write_it ? it : mine, 1, offset);
	close(fd);
	return n;
}

static int hold(const struct op *op, struct iovec *it)
{
	if (held[0] < 0 && pipe2(held, O_NONBLOCK | O_CLOEXEC))
		return errno;
	return result_of(vmsplice(held[1], it, 1, op->arg[2].value & 1 ?
				  SPLICE_F_GIFT : 0));
}

static long copy(const struct op *op, struct iovec *mine, struct iovec *it,
		 bool write_it)
{
	switch (op->arg[2].value & 3) {
	case 0:
		return through_pipe(mine, it, write_it);
	case 1:
		return write_it ?
			process_vm_writev(getpid(), mine, 1, it, 1, 0) :
			process_vm_readv(getpid(), mine, 1, it, 1, 0);
	case 2:
		return through_mem(mine, it, write_it);
	default:
		return through_disk(mine, it, write_it);
	}
}

/* What the kernel read from [addr, addr + size): whole words of it. */
static void judge_buffer(const u64 *buffer, u64 addr, u64 size)
{
	u64 skip = -addr & 7;
	u64 word;

	for (; skip + 8 <= size; skip += 8) {
		memcpy(&word, (const char *)buffer + skip, 8);
		memory_judge(addr + skip, word);
	}
}

int io_copy(const struct op *op)
{
	u64 addr = arg_address(&op->arg[0]), size = op->arg[1].value;
	u64 *buffer = buffer_of(op);
	bool write_it = op->arg[2].value & 4;
	struct iovec mine, it;
	long n;

	/* Half a stamp is no stamp; O_DIRECT wants sectors. */
	addr &= (op->arg[2].value & 3) == 3 ? -512ULL : -8ULL;
	size = (size ?: PAGE) & ((op->arg[2].value & 3) == 3 ? -512ULL : -8ULL);
	if (size > MOST)
		size = MOST;
	mine = (struct iovec){ buffer, size };
	it = (struct iovec){ (void *)(uintptr_t)addr, size };
	if (!strcmp(op_kinds[op->code].name, "hold"))
		return hold(op, &it);

	if (write_it)
		memory_fill_buffer(buffer, addr, size);
	n = copy(op, &mine, &it, write_it);
	if (write_it)
		oracle_wrote(addr, size, n < 0 ? 0 : n, buffer);
	else if (n > 0 && (op->arg[2].value & 3) != 3)
		judge_buffer(buffer, addr, n);
	return result_of(n);
}

int io_drain(const struct op *op)
{
	u64 *buffer = buffers[THREADS];

	if (held[0] < 0)
		return EBADF;
	while (read(held[0], buffer, MOST) > 0)
		;
	(void)op;
	return 0;
}

/* ------------------------------------------------------------- io_uring --- */

static int uring_submit(struct io_uring *ring, u64 *buffer, u64 addr, u64 size,
			unsigned int kind)
{
	struct iovec it = { (void *)(uintptr_t)addr, size };
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int ends[2], error;

	if (kind & 2) {
		error = -io_uring_register_buffers(ring, &it, 1);
		if (error)
			return error;
	}
	if (pipe2(ends, O_CLOEXEC))
		return errno;
	if (kind & 1) {
		memory_fill_buffer(buffer, addr, size);
		size = write(ends[1], buffer, size);
		if (kind & 2)
			io_uring_prep_read_fixed(sqe, ends[0], it.iov_base,
						 size, 0, 0);
		else
			io_uring_prep_read(sqe, ends[0], it.iov_base, size, 0);
	} else if (kind & 2) {
		io_uring_prep_write_fixed(sqe, ends[1], it.iov_base, size, 0,
					  0);
	} else {
		io_uring_prep_write(sqe, ends[1], it.iov_base, size, 0);
	}
	if (kind & 4)
		sqe->flags |= IOSQE_ASYNC;
	error = io_uring_submit(ring) < 0 ? EIO : 0;
	if (!error && !io_uring_wait_cqe(ring, &cqe)) {
		error = cqe->res < 0 ? -cqe->res : 0;
		if (kind & 1)
			oracle_wrote(addr, size, cqe->res < 0 ? 0 : cqe->res,
				     buffer);
		io_uring_cqe_seen(ring, cqe);
	}
	close(ends[0]);
	close(ends[1]);
	return error;
}

int io_uring(const struct op *op)
{
	u64 addr = arg_address(&op->arg[0]) & -8ULL, size = op->arg[1].value;
	struct io_uring ring;
	int error;

	size = (size ?: PAGE) & -8ULL;
	if (size > MOST)
		size = MOST;
	error = -io_uring_queue_init(2, &ring, 0);
	if (error)
		return error;
	error = uring_submit(&ring, buffer_of(op), addr, size,
			     op->arg[2].value);
	io_uring_queue_exit(&ring);
	return error;
}

/* A wake, or a wait for a value that the word does not have. */
int io_futex(const struct op *op)
{
	static const struct timespec soon = { .tv_nsec = 1 };
	u64 addr = arg_address(&op->arg[0]) & -8ULL;
	unsigned int kind = op->arg[1].value;
	int private = kind & 2 ? FUTEX_PRIVATE_FLAG : 0;

	if (kind & 1)
		return result_of(syscall(SYS_futex, addr,
					 FUTEX_WAIT | private, 0x11111111,
					 &soon, NULL, 0));
	return result_of(syscall(SYS_futex, addr, FUTEX_WAKE | private, 1,
				 NULL, NULL, 0));
}
