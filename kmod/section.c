// SPDX-License-Identifier: GPL-2.0
/*
 * Sections: the segment, which is the memory; the handles to it; the names.
 *
 * A segment's pages come at the first touch in any view, are found by their
 * number in it, and stay until the segment goes, with its last handle or view.
 * What is committed stays committed. So nothing is ever taken from a segment,
 * and a view's own lock, which is its region's, is enough to map pages.
 */
#include <linux/anon_inodes.h>
#include <linux/bitmap.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/ipc_namespace.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/nsproxy.h>
#include <linux/slab.h>
#include <linux/stringhash.h>
#include <linux/uaccess.h>
#include "compat.h"
#include "ntmem.h"
#include "test.h"

/* Commits are noted in bit maps, each of so many pages. */
#define NTMEM_SPAN_SHIFT	9
#define NTMEM_SPAN_PAGES	(1UL << NTMEM_SPAN_SHIFT)

struct ntmem_span {
	DECLARE_BITMAP(committed, NTMEM_SPAN_PAGES);
};

/**
 * struct ntmem_name - what a segment is found by
 * @node: in the hash of names, while the segment has a handle
 * @uid: whose
 * @ipc: number of the IPC namespace; once it is gone, another one may get it
 * @mqueue: its mount of message queues, NULL without CONFIG_POSIX_MQUEUE; held
 *	while the name is in the hash, so that no other namespace has it
 * @len: in bytes
 * @segment: whose name it is
 * @text: any bytes
 */
struct ntmem_name {
	struct hlist_node node;
	kuid_t uid;
	unsigned int ipc;
	struct vfsmount *mqueue;
	unsigned int len;
	struct ntmem_segment *segment;
	char text[];
};

/**
 * struct ntmem_segment - the memory of a section
 * @refs: handles and views
 * @handles: handles alone; guarded by ntmem_names_lock
 * @inode: gives pages an identity, which shared futexes need
 * @nr: pages
 * @prot: the most that any view may have
 * @reserve: not all is committed
 * @pages: by number in the segment
 * @lock: guards the next two
 * @spans: what is committed of one with @reserve; read without the lock
 * @charged: pages
 * @user: who pays
 * @name: or NULL
 */
struct ntmem_segment {
	refcount_t refs;
	unsigned int handles;
	struct inode *inode;
	unsigned long nr;
	u32 prot;
	bool reserve;
	struct xarray pages;
	struct mutex lock;	/* spans, charged */
	struct xarray spans;
	unsigned long charged;
	struct ntmem_user *user;
	struct ntmem_name *name;
};

/* What an fd refers to. */
struct ntmem_handle {
	struct ntmem_segment *segment;
	u32 prot;		/* the most that a view through it may have */
};

static DEFINE_MUTEX(ntmem_names_lock);
static DEFINE_HASHTABLE(ntmem_names, 8);

/* ---------------------------------------------------------------- commit --- */

static struct ntmem_span *ntmem_span(struct ntmem_segment *segment,
				     unsigned long index)
{
	return xa_load(&segment->spans, index >> NTMEM_SPAN_SHIFT);
}

bool ntmem_segment_is_committed(struct ntmem_segment *segment,
				unsigned long index)
{
	struct ntmem_span *span;

	if (likely(!segment->reserve))
		return true;
	span = ntmem_span(segment, index);
	return span && test_bit(index & (NTMEM_SPAN_PAGES - 1),
				span->committed);
}

/**
 * ntmem_segment_run() - how far pages are committed, or are not
 * @segment: whose; without its lock pages may come to be committed meanwhile
 * @first: first page
 * @last: page to look up to
 * @committed: whether they are
 *
 * Return: the last page up to @last that is like @first was.
 */
unsigned long ntmem_segment_run(struct ntmem_segment *segment,
				unsigned long first, unsigned long last,
				bool *committed)
{
	unsigned long nr = first >> NTMEM_SPAN_SHIFT, at = first;
	unsigned long base, bit, end = last >> NTMEM_SPAN_SHIFT;
	struct ntmem_span *span;

	*committed = ntmem_segment_is_committed(segment, first);
	if (!segment->reserve)
		return last;
	ntmem_stop_point("segment_seen");
	for (; nr <= end; nr++, at = nr << NTMEM_SPAN_SHIFT) {
		span = xa_load(&segment->spans, nr);
		if (!span && *committed)
			return at - 1;
		if (!span) {
			ntmem_stop_point("segment_look");
			span = xa_find(&segment->spans, &nr, end, XA_PRESENT);
			if (!span)
				return last;
			at = max(at, nr << NTMEM_SPAN_SHIFT);
		}
		base = nr << NTMEM_SPAN_SHIFT;
		bit = *committed ?
			find_next_zero_bit(span->committed, NTMEM_SPAN_PAGES,
					   at - base) :
			find_next_bit(span->committed, NTMEM_SPAN_PAGES,
				      at - base);
		/* The first page itself may have come to be committed. */
		if (bit < NTMEM_SPAN_PAGES)
			return clamp(base + bit, first + 1, last + 1) - 1;
		cond_resched();
	}
	return last;
}

static unsigned long ntmem_segment_missing(struct ntmem_segment *segment,
					   unsigned long first,
					   unsigned long last)
{
	unsigned long end, sum = 0;
	bool committed;

	for (; first <= last; first = end + 1) {
		end = ntmem_segment_run(segment, first, last, &committed);
		if (!committed)
			sum += end - first + 1;
	}
	return sum;
}

static int ntmem_spans_prepare(struct ntmem_segment *segment,
			       unsigned long first, unsigned long last)
{
	unsigned long nr = first >> NTMEM_SPAN_SHIFT;
	struct ntmem_span *span;
	int err;

	for (; nr <= last >> NTMEM_SPAN_SHIFT; nr++) {
		if (xa_load(&segment->spans, nr))
			continue;
		span = kzalloc(sizeof(*span), GFP_KERNEL_ACCOUNT);
		if (!span)
			return -ENOMEM;
		err = xa_insert(&segment->spans, nr, span, GFP_KERNEL_ACCOUNT);
		if (err) {
			kfree(span);
			return -ENOMEM;
		}
		cond_resched();
	}
	return 0;
}

/* With the segment locked; see ntmem_segment_commit_begin(). */
static int ntmem_segment_charge_pages(struct ntmem_segment *segment,
				      unsigned long first, unsigned long last,
				      unsigned long *need)
{
	int err;

	*need = 0;
	if (!segment->reserve)
		return 0;
	*need = ntmem_segment_missing(segment, first, last);
	err = ntmem_charge_user(segment->user, *need);
	if (err)
		return err == -ENOMEM ? -EDQUOT : err;
	err = ntmem_spans_prepare(segment, first, last);
	if (err)
		ntmem_uncharge_user(segment->user, *need);
	return err;
}

/**
 * ntmem_segment_commit_begin() - charge for pages that are to be committed
 * @segment: whose
 * @first: first page
 * @last: last page
 * @need: how many of them are not committed yet
 *
 * The segment is locked until ntmem_segment_commit_end(), unless this fails.
 *
 * Return: 0; -ENOMEM; -EDQUOT at a limit; -EAGAIN like ntmem_charge().
 */
int ntmem_segment_commit_begin(struct ntmem_segment *segment,
			       unsigned long first, unsigned long last,
			       unsigned long *need)
{
	int err;

	mutex_lock(&segment->lock);
	err = ntmem_segment_charge_pages(segment, first, last, need);
	if (err)
		mutex_unlock(&segment->lock);
	return err;
}

/* Commits what was charged for, or gives the charge back. */
void ntmem_segment_commit_end(struct ntmem_segment *segment,
			      unsigned long first, unsigned long last,
			      unsigned long need, bool commit)
{
	unsigned long end;

	if (!commit)
		ntmem_uncharge_user(segment->user, need);
	for (; commit && need && first <= last; first = end + 1) {
		end = min(last, first | (NTMEM_SPAN_PAGES - 1));
		bitmap_set(ntmem_span(segment, first)->committed,
			   first & (NTMEM_SPAN_PAGES - 1), end - first + 1);
		cond_resched();
	}
	if (commit)
		segment->charged += need;
	mutex_unlock(&segment->lock);
}

/* ----------------------------------------------------------------- pages --- */

/**
 * ntmem_segment_page() - a page, as far as there is one
 * @segment: whose; the caller has a reference
 * @index: which
 */
struct page *ntmem_segment_page(struct ntmem_segment *segment,
				unsigned long index)
{
	return xa_load(&segment->pages, index);
}

/**
 * ntmem_segment_add() - give a page to a segment
 * @segment: whose; the caller has a reference
 * @index: which
 * @page: a cleared page, which is taken over in any case
 *
 * Return: the segment's page, which is another one if somebody was faster;
 * NULL without memory.
 */
struct page *ntmem_segment_add(struct ntmem_segment *segment,
			       unsigned long index, struct page *page)
{
	struct page *old;

	page->mapping = segment->inode->i_mapping;
	page->index = index;
	ntmem_stop_point("segment_add");
	old = xa_cmpxchg(&segment->pages, index, NULL, page,
			 GFP_KERNEL_ACCOUNT);
	if (!old) {
		ntmem_pages_held(1);
		return page;
	}
	page->mapping = NULL;
	__free_page(page);
	return xa_is_err(old) ? NULL : old;
}

/* --------------------------------------------------------------- segment --- */

static struct ntmem_segment *ntmem_segment_alloc(unsigned long nr, u32 prot,
						 bool reserve)
{
	struct ntmem_segment *segment;

	segment = kzalloc(sizeof(*segment), GFP_KERNEL_ACCOUNT);
	if (!segment)
		return NULL;
	segment->user = ntmem_user_get();
	segment->inode = ntmem_inode_make();
	if (!segment->user || IS_ERR(segment->inode))
		goto free;
	refcount_set(&segment->refs, 1);
	segment->nr = nr;
	segment->prot = prot;
	segment->reserve = reserve;
	xa_init_flags(&segment->pages, XA_FLAGS_ACCOUNT);
	xa_init_flags(&segment->spans, XA_FLAGS_ACCOUNT);
	mutex_init(&segment->lock);
	return segment;

free:
	if (segment->user)
		ntmem_user_put(segment->user);
	if (!IS_ERR(segment->inode))
		iput(segment->inode);
	kfree(segment);
	return NULL;
}

static void ntmem_segment_free(struct ntmem_segment *segment)
{
	struct ntmem_span *span;
	struct page *page;
	unsigned long i;

	xa_for_each(&segment->pages, i, page) {
		ntmem_page_put(page);
		cond_resched();
	}
	xa_for_each(&segment->spans, i, span) {
		kfree(span);
		cond_resched();
	}
	xa_destroy(&segment->pages);
	xa_destroy(&segment->spans);
	ntmem_uncharge_user(segment->user, segment->charged);
	ntmem_user_put(segment->user);
	iput(segment->inode);
	kfree(segment->name);
	kfree(segment);
	ntmem_charge_idle();
}

void ntmem_segment_get(struct ntmem_segment *segment)
{
	refcount_inc(&segment->refs);
}

void ntmem_segment_put(struct ntmem_segment *segment)
{
	if (refcount_dec_and_test(&segment->refs))
		ntmem_segment_free(segment);
}

unsigned long ntmem_segment_pages(const struct ntmem_segment *segment)
{
	return segment->nr;
}

/* ----------------------------------------------------------------- names --- */

static u32 ntmem_name_hash(const struct ntmem_name *name)
{
	return full_name_hash(NULL, name->text, name->len);
}

static bool ntmem_name_equal(const struct ntmem_name *a,
			     const struct ntmem_name *b)
{
	return uid_eq(a->uid, b->uid) && a->ipc == b->ipc &&
	       a->mqueue == b->mqueue && a->len == b->len &&
	       !memcmp(a->text, b->text, a->len);
}

/* What a call has for a name: NULL for none. */
static struct ntmem_name *ntmem_name_read(const struct ntmem_section *section)
{
	struct ntmem_name *name;

	if (!section->name && !section->name_len)
		return NULL;
	if (!section->name_len || section->name_len > NTMEM_NAME_MAX)
		return ERR_PTR(-EINVAL);
	name = kzalloc(struct_size(name, text, section->name_len),
		       GFP_KERNEL_ACCOUNT);
	if (!name)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(name->text, u64_to_user_ptr(section->name),
			   section->name_len)) {
		kfree(name);
		return ERR_PTR(-EFAULT);
	}
	name->len = section->name_len;
	name->uid = current_uid();
	name->ipc = current->nsproxy->ipc_ns->ns.inum;
	name->mqueue = current->nsproxy->ipc_ns->mq_mnt;
	return name;
}

/* The segment of a name, with a handle more; ntmem_names_lock is held. */
static struct ntmem_segment *ntmem_name_find(const struct ntmem_name *name)
{
	struct ntmem_name *found;

	hash_for_each_possible(ntmem_names, found, node, ntmem_name_hash(name))
		if (ntmem_name_equal(found, name)) {
			found->segment->handles++;
			refcount_inc(&found->segment->refs);
			return found->segment;
		}
	return NULL;
}

static struct ntmem_segment *ntmem_name_open(const struct ntmem_name *name)
{
	struct ntmem_segment *segment;

	mutex_lock(&ntmem_names_lock);
	segment = ntmem_name_find(name);
	mutex_unlock(&ntmem_names_lock);
	return segment ?: ERR_PTR(-ENOENT);
}

/*
 * Gives a new segment its name and its first handle, or finds that another has
 * the name.
 */
static struct ntmem_segment *ntmem_name_enter(struct ntmem_segment *segment,
					      struct ntmem_name *name)
{
	struct ntmem_segment *found = NULL;

	mutex_lock(&ntmem_names_lock);
	if (name)
		found = ntmem_name_find(name);
	if (!found) {
		segment->handles = 1;
		segment->name = name;
		if (name) {
			name->segment = segment;
			mntget(name->mqueue);
			hash_add(ntmem_names, &name->node,
				 ntmem_name_hash(name));
		}
	}
	mutex_unlock(&ntmem_names_lock);
	return found;
}

static void ntmem_handle_got(struct ntmem_segment *segment)
{
	mutex_lock(&ntmem_names_lock);
	segment->handles++;
	refcount_inc(&segment->refs);
	mutex_unlock(&ntmem_names_lock);
}

/* The last handle takes the name with it, though views may stay. */
static void ntmem_handle_gone(struct ntmem_segment *segment)
{
	struct vfsmount *mqueue = NULL;

	ntmem_stop_point("handle_gone");
	mutex_lock(&ntmem_names_lock);
	if (!--segment->handles && segment->name) {
		hash_del(&segment->name->node);
		mqueue = segment->name->mqueue;
	}
	mutex_unlock(&ntmem_names_lock);
	mntput(mqueue);
	ntmem_segment_put(segment);
}

/* --------------------------------------------------------------- handles --- */

static int ntmem_handle_release(struct inode *inode, struct file *file)
{
	struct ntmem_handle *handle = file->private_data;

	ntmem_handle_gone(handle->segment);
	kfree(handle);
	return 0;
}

static const struct file_operations ntmem_handle_fops = {
	.owner = THIS_MODULE,
	.release = ntmem_handle_release,
};

/*
 * A file for a handle that the segment counts already; that is taken over, also
 * where this fails.
 */
static struct file *ntmem_handle_file(struct ntmem_segment *segment, u32 prot)
{
	struct ntmem_handle *handle;
	struct file *file;

	handle = kmalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle) {
		ntmem_handle_gone(segment);
		return ERR_PTR(-ENOMEM);
	}
	handle->segment = segment;
	handle->prot = prot;
	file = anon_inode_getfile("[ntmem section]", &ntmem_handle_fops, handle,
				  O_RDWR);
	if (IS_ERR(file)) {
		ntmem_handle_gone(segment);
		kfree(handle);
	}
	return file;
}

/* The file of a handle, with a reference. */
static struct file *ntmem_handle_get(int fd)
{
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	if (file->f_op == &ntmem_handle_fops)
		return file;
	fput(file);
	return ERR_PTR(-EBADF);
}

/**
 * ntmem_segment_of() - the segment of a handle, with a reference
 * @fd: the handle
 * @prot: protection of a view that is to be made through it
 */
struct ntmem_segment *ntmem_segment_of(int fd, u32 prot)
{
	struct file *file = ntmem_handle_get(fd);
	struct ntmem_segment *segment;
	struct ntmem_handle *handle;

	if (IS_ERR(file))
		return ERR_CAST(file);
	handle = file->private_data;
	segment = handle->segment;
	if (ntmem_view_allows(handle->prot, prot))
		ntmem_segment_get(segment);
	else
		segment = ERR_PTR(-EACCES);
	fput(file);
	return segment;
}

/* ---------------------------------------------------------------- create --- */

static bool ntmem_section_prot_valid(u32 prot)
{
	switch (prot) {
	case NTMEM_PAGE_READONLY:
	case NTMEM_PAGE_READWRITE:
	case NTMEM_PAGE_WRITECOPY:
	case NTMEM_PAGE_EXECUTE_READ:
	case NTMEM_PAGE_EXECUTE_READWRITE:
	case NTMEM_PAGE_EXECUTE_WRITECOPY:
		return true;
	default:
		return false;
	}
}

/* -EDQUOT at a limit. */
static int ntmem_segment_charge(struct ntmem_segment *segment)
{
	int err;

	while ((err = ntmem_charge_user(segment->user, segment->nr)) == -EAGAIN) {
		err = ntmem_charge_more(segment->nr);
		if (err)
			return err;
	}
	if (err)
		return -EDQUOT;
	segment->charged = segment->nr;
	return 0;
}

static struct ntmem_segment *
ntmem_segment_make(const struct ntmem_section *section)
{
	bool reserve = section->flags & NTMEM_SECTION_RESERVE;
	struct ntmem_segment *segment;
	int err;

	segment = ntmem_segment_alloc(PAGE_ALIGN(section->size) >> PAGE_SHIFT,
				      section->prot, reserve);
	if (!segment)
		return ERR_PTR(-ENOMEM);
	if (reserve)
		return segment;
	err = ntmem_segment_charge(segment);
	if (!err)
		return segment;
	ntmem_segment_put(segment);
	return ERR_PTR(err);
}

static struct file *ntmem_section_create(struct ntmem_space *space,
					 struct ntmem_section *section)
{
	struct ntmem_segment *segment, *found;
	struct ntmem_name *name;

	if (section->flags & ~NTMEM_SECTION_RESERVE || section->fd ||
	    !ntmem_section_prot_valid(section->prot) ||
	    !section->size || section->size - 1 > space->top)
		return ERR_PTR(-EINVAL);
	name = ntmem_name_read(section);
	if (IS_ERR(name))
		return ERR_CAST(name);
	segment = ntmem_segment_make(section);
	if (IS_ERR(segment)) {
		/* Whoever only opens it, needs no memory for it. */
		found = name ? ntmem_name_open(name) : segment;
		kfree(name);
		if (segment == ERR_PTR(-EDQUOT) && IS_ERR(found))
			return ERR_PTR(ntmem_limited(space));
		if (IS_ERR(found))
			return ERR_CAST(segment);
	} else {
		ntmem_stop_point("name_enter");
		found = ntmem_name_enter(segment, name);
		if (found) {
			ntmem_segment_put(segment);
			kfree(name);
		}
	}
	if (!found)
		return ntmem_handle_file(segment, section->prot);
	section->flags |= NTMEM_SECTION_EXISTED;
	return ntmem_handle_file(found, found->prot);
}

/* Another handle of one that the caller has. */
static struct file *ntmem_section_again(const struct ntmem_section *section)
{
	struct file *file = ntmem_handle_get(section->fd), *again;
	struct ntmem_handle *handle;

	if (IS_ERR(file))
		return file;
	handle = file->private_data;
	if (ntmem_view_allows(handle->prot, section->prot)) {
		ntmem_handle_got(handle->segment);
		again = ntmem_handle_file(handle->segment,
					  section->prot ?: handle->prot);
	} else {
		again = ERR_PTR(-EACCES);
	}
	fput(file);
	return again;
}

static struct file *ntmem_section_open(const struct ntmem_section *section)
{
	struct ntmem_segment *segment;
	struct ntmem_name *name;

	if (section->flags || section->size ||
	    (section->prot && !ntmem_section_prot_valid(section->prot)))
		return ERR_PTR(-EINVAL);
	name = ntmem_name_read(section);
	if (IS_ERR(name))
		return ERR_CAST(name);
	if (!name)
		return ntmem_section_again(section);
	segment = section->fd ? ERR_PTR(-EINVAL) : ntmem_name_open(name);
	kfree(name);
	if (IS_ERR(segment))
		return ERR_CAST(segment);
	if (ntmem_view_allows(segment->prot, section->prot))
		return ntmem_handle_file(segment,
					 section->prot ?: segment->prot);
	ntmem_handle_gone(segment);
	return ERR_PTR(-EACCES);
}

static void ntmem_section_tell(struct ntmem_section *section,
			       const struct file *file)
{
	const struct ntmem_handle *handle = file->private_data;

	section->size = (u64)handle->segment->nr << PAGE_SHIFT;
	section->prot = handle->prot;
	section->flags &= NTMEM_SECTION_EXISTED;
	if (handle->segment->reserve)
		section->flags |= NTMEM_SECTION_RESERVE;
}

static long ntmem_section_query(struct ntmem_section __user *user,
				struct ntmem_section *section)
{
	struct file *file;

	if (section->size || section->name || section->name_len ||
	    section->prot || section->flags)
		return -EINVAL;
	file = ntmem_handle_get(section->fd);
	if (IS_ERR(file))
		return PTR_ERR(file);
	ntmem_section_tell(section, file);
	fput(file);
	return copy_to_user(user, section, sizeof(*section)) ? -EFAULT : 0;
}

/**
 * ntmem_ioctl_section() - CREATE_SECTION, OPEN_SECTION, QUERY_SECTION
 * @space: the caller's
 * @cmd: which of them
 * @user: argument
 *
 * A handle that the caller could not be told of is none.
 */
long ntmem_ioctl_section(struct ntmem_space *space, unsigned int cmd,
			 struct ntmem_section __user *user)
{
	struct ntmem_section section;
	struct file *file;
	int fd;

	if (copy_from_user(&section, user, sizeof(section)))
		return -EFAULT;
	if (cmd == NTMEM_IOC_QUERY_SECTION)
		return ntmem_section_query(user, &section);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	if (cmd == NTMEM_IOC_CREATE_SECTION)
		file = ntmem_section_create(space, &section);
	else
		file = ntmem_section_open(&section);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	ntmem_section_tell(&section, file);
	section.fd = fd;
	if (copy_to_user(user, &section, sizeof(section))) {
		put_unused_fd(fd);
		fput(file);
		return -EFAULT;
	}
	fd_install(fd, file);
	return 0;
}
