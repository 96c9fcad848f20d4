// SPDX-License-Identifier: MIT
/*
 * The names of sections: a directory of the user's own in /dev/shm, with a file
 * for each name, which is the section itself.
 *
 * Every handle has its description of the file locked, shared with the others,
 * as long as it is open; so who gets the lock for himself alone knows that no
 * handle is left, however the processes have ended, and that the name is free. The
 * lock of the directory is held while one looks, and until the new handle has
 * its lock. Files that are left over go when their last handle is closed by
 * CloseHandle(), else with the next name that is made.
 *
 * A file's name is a hash, since names may be longer and have any bytes; the
 * name itself is in the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "engine/listing.h"
#include "engine/lock.h"
#include "engine/section.h"

#define DIRECTORY	"/dev/shm/ntmem-"
#define HASH_DIGITS	32
/* How long another process may have it locked: 10 s. */
#define PAUSE_NS	1000000L
#define TRIES		10000

/* Held while the directory is locked, and over fork. */
static struct ntmem_lock lock = NTMEM_LOCK_INIT;
static struct ntmem_held held;

struct file_name {
	char text[HASH_DIGITS + 1];
};

/* FNV-1a, in 128 bits. */
static struct file_name file_name(const struct section_name *name)
{
	const unsigned __int128 prime = ((unsigned __int128)1 << 88) + 0x13b;
	unsigned __int128 hash = ((unsigned __int128)0x6c62272e07bb0142 << 64) |
				 0x62b821756295c58d;
	struct file_name file = { "" };
	unsigned int i;

	for (i = 0; i < name->len; i++)
		hash = (hash ^ (unsigned char)name->text[i]) * prime;
	for (i = HASH_DIGITS; i--; hash >>= 4)
		file.text[i] = "0123456789abcdef"[hash & 15];
	return file;
}

/* Ours, in memory, and nobody else's: there are no names otherwise. */
static bool is_own_directory(int dir)
{
	struct statfs system;
	struct stat now;

	if (fstat(dir, &now) || now.st_uid != geteuid() ||
	    fstatfs(dir, &system) || system.f_type != TMPFS_MAGIC)
		return false;
	return (now.st_mode & 07777) == 0700 || !fchmod(dir, 0700);
}

/* Where there cannot be names, or there are none of ours to be had now. */
static int directory_error(void)
{
	switch (errno) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return -errno;
	case ENOSPC:
		return -ENOMEM;
	default:
		return -EOPNOTSUPP;
	}
}

static int open_directory(void)
{
	char path[sizeof(DIRECTORY) + 10] = DIRECTORY;
	int dir, error;

	section_put_number(path + strlen(path), geteuid());
	if (mkdir(path, 0700) && errno != EEXIST)
		return directory_error();
	dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return directory_error();
	errno = 0;
	if (is_own_directory(dir) && !flock(dir, LOCK_EX | LOCK_NB))
		return dir;
	error = errno == EWOULDBLOCK ? -ETIMEDOUT : -EOPNOTSUPP;
	close(dir);
	return error;
}

/* -ETIMEDOUT: another process has it just now. */
static int try_to_begin(void)
{
	struct ntmem_held signals;
	int dir;

	ntmem_lock_take(&lock, &signals);
	held = signals;
	dir = open_directory();
	if (dir < 0)
		ntmem_lock_give(&lock, &signals);
	return dir;
}

/*
 * Who has it may be stopped: waiting must keep nobody from forking, nor signals
 * from coming, and ends.
 */
int section_names_begin(void)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int dir = try_to_begin(), tries;

	for (tries = 0; dir == -ETIMEDOUT && tries < TRIES; tries++) {
		nanosleep(&pause, NULL);
		dir = try_to_begin();
	}
	return dir;
}

/* Not only closed: a child of vfork may have it, too. */
void section_names_end(int dir)
{
	struct ntmem_held signals = held;

	flock(dir, LOCK_UN);
	close(dir);
	ntmem_lock_give(&lock, &signals);
}

void section_before_fork(void)
{
	struct ntmem_held signals;

	ntmem_lock_take(&lock, &signals);
	held = signals;
}

void section_after_fork(void)
{
	struct ntmem_held signals = held;

	ntmem_lock_give(&lock, &signals);
}

/* Has no handle, so that the file can go; then it is gone. */
static bool remove_stale(int dir, const char *file, int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB))
		return false;
	unlinkat(dir, file, 0);
	return true;
}

int section_name_find(int dir, const struct section_name *name)
{
	struct file_name file = file_name(name);
	int fd = openat(dir, file.text, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (remove_stale(dir, file.text, fd)) {
		close(fd);
		return -ENOENT;
	}
	/* Of two names with one hash, there is the one that was first. */
	if (!flock(fd, LOCK_SH | LOCK_NB) && section_has_name(fd, name))
		return fd;
	close(fd);
	return -EEXIST;
}

static void look_at_file(int dir, const char *file)
{
	int fd = openat(dir, file, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	remove_stale(dir, file, fd);
	close(fd);
}

/* What has no handle any more; the directory may have other files. */
static int sweep_file(int dir, const char *file, void *unused)
{
	(void)unused;
	if (strlen(file) == HASH_DIGITS)
		look_at_file(dir, file);
	return 0;
}

static int enter(int dir, const struct section_name *name)
{
	struct file_name file = file_name(name);
	int fd;

	ntmem_listing(dir, sweep_file, NULL);
	fd = openat(dir, file.text, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return errno == ENOSPC ? -ENOMEM : -errno;
	if (!flock(fd, LOCK_SH | LOCK_NB))
		return fd;
	unlinkat(dir, file.text, 0);
	close(fd);
	return -ENOMEM;
}

void section_name_remove(int dir, const struct section_name *name)
{
	struct file_name file = file_name(name);

	unlinkat(dir, file.text, 0);
}

/* A file system in memory that has not that much cannot promise it. */
static bool has_room(int fd, uint64_t bytes)
{
	struct statfs system;

	return fstatfs(fd, &system) || !system.f_blocks ||
	       bytes / (uint64_t)system.f_bsize < system.f_bavail;
}

int section_make_named(int dir, const struct section_shape *shape,
		       const struct section_name *name)
{
	int fd = enter(dir, name), error, handle;
	struct section_handle of;

	if (fd < 0)
		return fd;
	error = section_fill(fd, shape, name);
	if (!error && shape->kind == SECTION_PAGES &&
	    !(shape->flags & NTMEM_SECTION_RESERVE) &&
	    !has_room(fd, shape->size))
		error = -ENOMEM;
	if (!error)
		error = section_look(fd, &of);
	handle = error ? error : section_again(fd, &of, shape->prot);
	close(fd);
	if (handle < 0)
		section_name_remove(dir, name);
	return handle;
}

void section_name_forget(const struct section_name *name)
{
	struct file_name file = file_name(name);
	int dir = section_names_begin();

	if (dir < 0)
		return;
	look_at_file(dir, file.text);
	section_names_end(dir);
}
