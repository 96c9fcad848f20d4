// SPDX-License-Identifier: MIT
/*
 * Sections and views: the calls, and what is known of the views of a process
 * with one thread, so that the oracle can say what a page of one must show: the
 * section's page, which has a *home*, an address where nothing can be, or what
 * the view has copied.
 *
 * A named section has the home of its name, so that processes agree on it.
 * Two with the same name, one after the other, then have the same, and what
 * their pages hold is not known any more; nor is it once a process has forked.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fuzz.h"

#define NAMES		4		/* the first is none */
#define MOST_VIEWS	64
#define HOMES		(1ULL << 63)
#define HOME_SHIFT	48

#define WRITES	(NTMEM_PAGE_READWRITE | NTMEM_PAGE_EXECUTE_READWRITE)
#define COPIES	(NTMEM_PAGE_WRITECOPY | NTMEM_PAGE_EXECUTE_WRITECOPY)
#define RUNS	(NTMEM_PAGE_EXECUTE | NTMEM_PAGE_EXECUTE_READ | \
		 NTMEM_PAGE_EXECUTE_READWRITE | NTMEM_PAGE_EXECUTE_WRITECOPY)

struct handle {
	atomic_int fd;
	/* With one thread: */
	unsigned int name;
	u64 home;
	u64 size;
	__u32 prot;
	__u32 flags;
};

static struct handle handles[HANDLES] = {
	[0 ... HANDLES - 1] = { .fd = -1 },
};

static struct view views[MOST_VIEWS];
static bool seen[NAMES], mixed[NAMES];
static bool shared_with_others;

/* ---------------------------------------------------------------- views --- */

/* The view that an address lies in, with one thread; or NULL. */
struct view *view_at(u64 addr)
{
	for (unsigned int i = 0; single && i < MOST_VIEWS; i++)
		if (addr >= views[i].start && addr < views[i].end)
			return &views[i];
	return NULL;
}

u64 view_home(const struct view *view, u64 addr)
{
	return view->home + (addr - view->start);
}

/* Whether what the pages of its section hold is nobody else's affair. */
bool view_is_certain(const struct view *view)
{
	u64 number = (view->home & ~HOMES) >> HOME_SHIFT;

	return !shared_with_others && !(number < NAMES && mixed[number]);
}

/*
 * Whose page it is. A protection that the view itself does not have shows that
 * the page was copied; else that is not known, once one may have been.
 */
enum shown view_shows(const struct view *view, const struct ntmem_query *q)
{
	if (!view)
		return SHOWS_OWN;
	if (!view->copies || q->prot & COPIES)
		return SHOWS_SECTION;
	return q->prot & WRITES && !(q->alloc_prot & WRITES) ? SHOWS_OWN :
							       SHOWS_EITHER;
}

bool view_is_home(u64 addr)
{
	return addr >= HOMES;
}

/* From here on other processes may write to whatever a view shows. */
void view_share(void)
{
	shared_with_others = true;
}

bool view_is_shared(void)
{
	return shared_with_others;
}

/* The names are another user's now. */
void view_mix_names(void)
{
	memset(mixed, true, sizeof(mixed));
}

/* COMMIT or PROTECT has allowed to copy pages. */
void view_protected(u64 addr, __u32 prot)
{
	struct view *view = view_at(addr);

	if (view && prot & COPIES)
		view->copies = true;
}

/* Views may have gone in ways that only QUERY knows. */
void view_resync(void)
{
	struct ntmem_query q;

	for (unsigned int i = 0; single && i < MOST_VIEWS; i++)
		if (views[i].end &&
		    (!oracle_query(views[i].start, &q) ||
		     q.type != NTMEM_TYPE_MAPPED ||
		     q.alloc_base != views[i].start ||
		     q.state == NTMEM_STATE_FOREIGN))
			views[i] = (struct view){ 0 };
}

static void add_view(const struct ntmem_map_view *map, u64 home)
{
	unsigned int i = 0;

	for (struct view *v = views; v < views + MOST_VIEWS; v++)
		if (v->start < map->addr + map->size && v->end > map->addr)
			*v = (struct view){ 0 };
	while (i < MOST_VIEWS - 1 && views[i].end)
		i++;
	views[i] = (struct view){
		.start = map->addr, .end = map->addr + map->size,
		.home = home + map->offset, .copies = map->prot & COPIES,
	};
}

/* -------------------------------------------------------------- handles --- */

static struct handle *handle_of(const struct arg *arg)
{
	return &handles[arg->value % HANDLES];
}

static int fd_of(const struct arg *arg)
{
	return atomic_load(&handle_of(arg)->fd);
}

/* Nobody closes a descriptor twice: by then it may be somebody else's. */
static int replace_fd(struct handle *handle, int fd)
{
	int old = atomic_exchange(&handle->fd, fd);

	return old < 0 ? EBADF : result_of(close(old));
}

int section_close(const struct op *op)
{
	return replace_fd(handle_of(&op->arg[0]), -1);
}

static void set_name(struct ntmem_section *s, unsigned int name, char *text,
		     size_t size)
{
	if (name % NAMES == 0)
		return;
	s->name_len = snprintf(text, size, "fuzz-%llu-%u", shared->nonce,
			       name % NAMES);
	s->name = (uintptr_t)text;
}

static u64 new_home(void)
{
	u64 number = NAMES + atomic_fetch_add(&shared->sections, 1);

	return HOMES | number << HOME_SHIFT;
}

/* Reads, writes, runs: may a view have prot through a handle that has max? */
static bool allows(__u32 max, __u32 prot)
{
	return !(prot & WRITES && !(max & WRITES)) &&
	       !(prot & RUNS && !(max & RUNS));
}

static void note_handle(struct handle *handle, const struct ntmem_section *s,
			unsigned int name, u64 home)
{
	handle->name = name;
	handle->home = home;
	handle->size = s->size;
	handle->prot = s->prot;
	handle->flags = s->flags & NTMEM_SECTION_RESERVE;
}

/* One that has a name is known by it: the one there was, or a new one. */
static u64 named_home(unsigned int name, bool is_new)
{
	if (is_new == seen[name])
		mixed[name] = true;
	seen[name] = true;
	return HOMES | (u64)name << HOME_SHIFT;
}

static void note_created(const struct op *op, const struct ntmem_section *s)
{
	unsigned int name = op->arg[4].value % NAMES;
	bool is_new = !(s->flags & NTMEM_SECTION_EXISTED);
	u64 size = (op->arg[1].value + PAGE - 1) & -PAGE;

	if (is_new && (s->size != size || s->prot != op->arg[2].value))
		report("a section of %#llx with %#llx has %#llx with %#x",
		       size, op->arg[2].value, s->size, s->prot);
	if (!is_new && !name)
		report("a section without a name existed");
	note_handle(handle_of(&op->arg[0]), s, name,
		    name ? named_home(name, is_new) : new_home());
}

/* Kinds: one in two has RESERVE, the last what CREATE does not take. */
int section_create(const struct op *op)
{
	unsigned int kind = op->arg[3].value & 7;
	char text[64];
	struct ntmem_section s = {
		.size = op->arg[1].value, .prot = op->arg[2].value,
		.flags = kind == 6 ? NTMEM_SECTION_EXISTED : kind & 1,
	};
	int error;

	set_name(&s, op->arg[4].value, text, sizeof(text));
	error = result_of(ioctl(device, NTMEM_IOC_CREATE_SECTION, &s));
	if (error)
		return error;
	if (single)
		note_created(op, &s);
	replace_fd(handle_of(&op->arg[0]), s.fd);
	return 0;
}

static void note_opened(const struct op *op, const struct ntmem_section *s)
{
	struct handle from = *handle_of(&op->arg[1]);
	unsigned int name = op->arg[3].value % NAMES;
	__u32 asked = op->arg[2].value;

	if (asked && s->prot != asked)
		report("opened with %#x, has %#x", asked, s->prot);
	if (name) {
		note_handle(handle_of(&op->arg[0]), s, name,
			    named_home(name, false));
		return;
	}
	if (!allows(from.prot, s->prot))
		report("a handle with %#x gave one with %#x", from.prot,
		       s->prot);
	if (s->size != from.size || s->flags != from.flags)
		report("opened again it has %#llx and %#x, was %#llx and %#x",
		       s->size, s->flags, from.size, from.flags);
	note_handle(handle_of(&op->arg[0]), s, from.name, from.home);
}

int section_open(const struct op *op)
{
	char text[64];
	struct ntmem_section s = { .prot = op->arg[2].value };
	int error;

	set_name(&s, op->arg[3].value, text, sizeof(text));
	if (!s.name)
		s.fd = fd_of(&op->arg[1]);
	error = result_of(ioctl(device, NTMEM_IOC_OPEN_SECTION, &s));
	if (error)
		return error;
	if (single)
		note_opened(op, &s);
	replace_fd(handle_of(&op->arg[0]), s.fd);
	return 0;
}

int section_query(const struct op *op)
{
	const struct handle *handle = handle_of(&op->arg[0]);
	struct ntmem_section s = { .fd = fd_of(&op->arg[0]) };
	int error = result_of(ioctl(device, NTMEM_IOC_QUERY_SECTION, &s));

	if (!error && single &&
	    (s.size != handle->size || s.prot != handle->prot ||
	     s.flags != handle->flags))
		report("QUERY_SECTION tells %#llx %#x %#x, should be %#llx %#x %#x",
		       s.size, s.prot, s.flags, handle->size, handle->prot,
		       handle->flags);
	return error;
}

/* ------------------------------------------------------------- map, unmap --- */

/* What was asked for, and what came of it. */
static void check_map(const struct handle *handle,
		      const struct ntmem_map_view *asked,
		      const struct ntmem_map_view *map)
{
	u64 size = asked->size ? (asked->size + PAGE - 1) & -PAGE :
				 handle->size - asked->offset;
	struct ntmem_query q;

	if (!allows(handle->prot, map->prot))
		report("a handle with %#x gave a view with %#x", handle->prot,
		       map->prot);
	if (map->size != size || map->offset + size > handle->size ||
	    map->addr % PAGE || (asked->addr && map->addr != asked->addr))
		report("a view of %#llx + %#llx at %#llx is %#llx + %#llx at %#llx, of %#llx",
		       asked->offset, size, asked->addr, map->offset,
		       map->size, map->addr, handle->size);
	if (!oracle_query(map->addr, &q) || q.type != NTMEM_TYPE_MAPPED ||
	    q.alloc_base != map->addr || q.alloc_prot != map->prot)
		report("QUERY of a new view at %#llx: base %#llx type %#x prot %#x",
		       map->addr, q.alloc_base, q.type, q.alloc_prot);
}

/* Anywhere, or at an address, which may be that of a placeholder. */
int section_map(const struct op *op)
{
	bool at = op_kinds[op->code].args[1] == 'a';
	const struct arg *arg = op->arg + at;
	const struct handle *handle = handle_of(&arg[1]);
	struct slot *slot = &slots[op->arg[0].value % SLOTS];
	const struct ntmem_map_view asked = {
		.fd = fd_of(&arg[1]), .size = arg[2].value,
		.offset = arg[3].value, .prot = arg[4].value,
		.flags = arg[5].value,
		.addr = at ? arg_address(&op->arg[1]) & -PAGE : 0,
	};
	struct ntmem_map_view map = asked;
	int error = result_of(ioctl(device, NTMEM_IOC_MAP_VIEW, &map));

	if (error)
		return error;
	if (single) {
		add_view(&map, handle->home);
		check_map(handle, &asked, &map);
	}
	slot->start = map.addr;
	slot->end = map.addr + map.size;
	return 0;
}

int section_unmap(const struct op *op)
{
	struct ntmem_unmap_view unmap = {
		.addr = arg_address(&op->arg[0]),
		.flags = op->arg[1].value & 1 ? NTMEM_RELEASE_PRESERVE : 0,
	};
	bool is_view = view_at(unmap.addr);
	int error = result_of(ioctl(device, NTMEM_IOC_UNMAP_VIEW, &unmap));

	if (single && (error ? error == ENOENT && is_view && !unmap.flags :
			       !is_view))
		report("UNMAP_VIEW of %#llx, which is %s view: errno %d",
		       unmap.addr, is_view ? "a" : "no", error);
	if (!error)
		oracle_resync();
	return error;
}
