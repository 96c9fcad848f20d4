/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A page that the kernel has pinned and is about to write to, for as long as a
 * test likes: process_vm_writev() holds it while it waits for what it is to
 * write, which a userfaultfd has not brought yet.
 */
#ifndef PIN_H
#define PIN_H

#include "ntmem_test.h"

#include <linux/userfaultfd.h>
#include <sys/mman.h>
#include <sys/uio.h>

/**
 * struct pin - a page with a write under way
 * @addr: of the page
 * @uffd: who is asked for what will be written; -1 where there is none
 * @source: what will be written
 * @thread: who writes
 * @result: 0 or an errno, when it has written
 */
struct pin {
	__u64 addr;
	int uffd;
	void *source;
	pthread_t thread;
	int result;
};

static inline void *pin_writes(void *data)
{
	struct pin *p = data;
	struct iovec mine = { p->source, PAGE };
	struct iovec its = { nt_ptr(p->addr), PAGE };

	p->result = process_vm_writev(getpid(), &mine, 1, &its, 1, 0) == PAGE ?
		    0 : errno;
	return NULL;
}

/* False where the kernel has no userfaultfd. */
static inline bool pin_begin(struct pin *p, __u64 addr)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range.len = PAGE, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffd_msg asked;

	p->addr = addr;
	p->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (p->uffd < 0)
		return false;
	CHECK(!ioctl(p->uffd, UFFDIO_API, &api));
	p->source = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p->source != MAP_FAILED);
	reg.range.start = (uintptr_t)p->source;
	CHECK(!ioctl(p->uffd, UFFDIO_REGISTER, &reg));
	CHECK(!pthread_create(&p->thread, NULL, pin_writes, p));
	/* By now the page is pinned. */
	CHECK(read(p->uffd, &asked, sizeof(asked)) == sizeof(asked));
	return true;
}

/* Lets the whole page be written with value: 0 or an errno. */
static inline int pin_end(struct pin *p, unsigned char value)
{
	static char page[PAGE];
	struct uffdio_copy copy = {
		.dst = (uintptr_t)p->source, .src = (uintptr_t)page, .len = PAGE,
	};

	memset(page, value, PAGE);
	CHECK(!ioctl(p->uffd, UFFDIO_COPY, &copy));
	CHECK(!pthread_join(p->thread, NULL));
	CHECK(!munmap(p->source, PAGE));
	close(p->uffd);
	return p->result;
}

#endif /* PIN_H */
