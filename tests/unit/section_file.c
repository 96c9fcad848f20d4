// SPDX-License-Identifier: MIT
/*
 * Sections of files, on either engine: CreateFileMapping with a file, its rights
 * and sizes, what views show, write and copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <ntmem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine.h"
#include "inject.h"
#include "refuse.h"
#include "unit.h"

#define SIZE		(2 * GRANULE + 3 * PAGE + 5)
#define ROUNDED		(2 * GRANULE + 4 * PAGE)

/* A file without a name, each page filled with its number, and its descriptor. */
static int make_file(size_t size)
{
	char path[] = "/tmp/ntmem-unit-XXXXXX", page[PAGE];
	int fd = mkstemp(path);
	size_t at;

	ck_assert_int_ge(fd, 0);
	for (at = 0; at < size; at += PAGE) {
		size_t part = size - at < PAGE ? size - at : PAGE;

		memset(page, (int)(at / PAGE) + 1, sizeof(page));
		ck_assert_int_eq(pwrite(fd, page, part, (off_t)at), part);
	}
	unlink(path);
	return fd;
}

static HANDLE handle_of(int fd)
{
	HANDLE handle;

	assert_ok(handle = ntmem_file_handle_from_fd(dup(fd)));
	return handle;
}

/* A handle of the same file, opened with less. */
static HANDLE handle_with(int fd, int mode)
{
	char path[32];
	HANDLE handle;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_ok(handle = ntmem_file_handle_from_fd(open(path, mode)));
	return handle;
}

static HANDLE section_of(HANDLE file, DWORD protect, uint64_t size)
{
	return CreateFileMappingA(file, NULL, protect, (DWORD)(size >> 32),
				  (DWORD)size, NULL);
}

static HANDLE make(HANDLE file, DWORD protect, uint64_t size)
{
	HANDLE section;

	SetLastError(UNTOUCHED);
	section = section_of(file, protect, size);
	ck_assert_msg(section != NULL, "error %u",
		      (unsigned int)GetLastError());
	ck_assert_uint_eq(GetLastError(), ERROR_SUCCESS);
	return section;
}

static char *view(HANDLE section, DWORD access)
{
	char *p;

	assert_ok(p = MapViewOfFile(section, access, 0, 0, 0));
	return p;
}

static char byte_at(int fd, off_t at)
{
	char byte;

	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	return byte;
}

static off_t size_of(int fd)
{
	struct stat now;

	ck_assert_int_eq(fstat(fd, &now), 0);
	return now.st_size;
}

/* ---------------------------------------------------------------- handles --- */

START_TEST(handles_of_files)
{
	int fd = make_file(SIZE), other;
	HANDLE file = handle_of(fd), copy;

	other = ntmem_handle_to_fd(file);
	ck_assert_int_eq(byte_at(other, 0), 1);
	assert_ok(DuplicateHandle(GetCurrentProcess(), file,
				  GetCurrentProcess(), &copy, 0, FALSE,
				  DUPLICATE_SAME_ACCESS));
	assert_ok(CloseHandle(file));
	ck_assert_int_eq(fcntl(other, F_GETFD), -1);
	ck_assert(CloseHandle(make(copy, PAGE_READWRITE, 0)));
	/* It is a file, and no section; and the other way round. */
	assert_fails(ERROR_INVALID_HANDLE, MapViewOfFile(copy, FILE_MAP_READ,
							 0, 0, 0));
	assert_ok(CloseHandle(copy));
	assert_fails(ERROR_INVALID_HANDLE, ntmem_file_handle_from_fd(-1));
	other = open("/", O_PATH);
	assert_fails(ERROR_INVALID_HANDLE, ntmem_file_handle_from_fd(other));
	close(other);
	copy = make(INVALID_HANDLE_VALUE, PAGE_READWRITE, PAGE);
	assert_fails(ERROR_INVALID_HANDLE, section_of(copy, PAGE_READWRITE, 0));
	assert_ok(CloseHandle(copy));
	close(fd);
}
END_TEST

static const struct {
	int mode;
	DWORD protect;
	DWORD code;
} rights[] = {
	{ O_RDONLY, PAGE_READONLY, 0 },
	{ O_RDONLY, PAGE_WRITECOPY, 0 },
	{ O_RDONLY, PAGE_EXECUTE_READ, 0 },
	{ O_RDONLY, PAGE_EXECUTE_WRITECOPY, 0 },
	{ O_RDONLY, PAGE_READWRITE, ERROR_ACCESS_DENIED },
	{ O_RDONLY, PAGE_EXECUTE_READWRITE, ERROR_ACCESS_DENIED },
	{ O_RDWR, PAGE_READWRITE, 0 },
	{ O_RDWR, PAGE_EXECUTE_READWRITE, 0 },
	{ O_WRONLY, PAGE_READONLY, ERROR_ACCESS_DENIED },
	{ O_WRONLY, PAGE_READWRITE, ERROR_ACCESS_DENIED },
	{ O_RDWR, PAGE_READWRITE | SEC_COMMIT, 0 },
	{ O_RDWR, PAGE_READWRITE | SEC_RESERVE, 0 },
	{ O_RDWR, PAGE_READWRITE | SEC_RESERVE | SEC_COMMIT,
	  ERROR_INVALID_PARAMETER },
	{ O_RDWR, PAGE_READWRITE | SEC_LARGE_PAGES, ERROR_INVALID_PARAMETER },
	{ O_RDWR, PAGE_READWRITE | SEC_COMMIT | SEC_LARGE_PAGES,
	  ERROR_INVALID_PARAMETER },
	{ O_RDWR, PAGE_READONLY | SEC_IMAGE, ERROR_BAD_EXE_FORMAT },
	{ O_RDWR, PAGE_READONLY | SEC_IMAGE | SEC_WRITECOMBINE,
	  ERROR_INVALID_PARAMETER },
	{ O_RDWR, PAGE_NOACCESS, ERROR_INVALID_PARAMETER },
};

START_TEST(what_a_file_may_become)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_with(fd, rights[_i].mode);

	if (rights[_i].code)
		assert_fails(rights[_i].code,
			     section_of(file, rights[_i].protect, 0));
	else
		ck_assert(CloseHandle(make(file, rights[_i].protect, 0)));
	assert_ok(CloseHandle(file));
	close(fd);
}
END_TEST

START_TEST(what_is_no_file)
{
	HANDLE handle = handle_of(STDERR_FILENO);
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	assert_ok(CloseHandle(handle));
	assert_ok(handle = ntmem_file_handle_from_fd(fds[0]));
	assert_fails(ERROR_BAD_EXE_FORMAT, section_of(handle, PAGE_READONLY,
						      PAGE));
	assert_ok(CloseHandle(handle));
	close(fds[1]);
	assert_ok(handle = ntmem_file_handle_from_fd(open("/", O_RDONLY)));
	assert_fails(ERROR_BAD_EXE_FORMAT, section_of(handle, PAGE_READONLY,
						      PAGE));
	assert_ok(CloseHandle(handle));
}
END_TEST

START_TEST(a_file_that_is_open_for_nothing)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_with(fd, O_ACCMODE);

	/* Linux has such, for ioctl(2) alone. */
	assert_fails(ERROR_ACCESS_DENIED, section_of(file, PAGE_READONLY, 0));
	assert_ok(CloseHandle(file));
	/* And one that the program has closed behind the handle. */
	file = handle_of(fd);
	close(ntmem_handle_to_fd(file));
	assert_fails(ERROR_INVALID_HANDLE, section_of(file, PAGE_READONLY, 0));
	assert_ok(CloseHandle(file));
	close(fd);
}
END_TEST

/* What the engine is asked for, and Windows' functions see to before. */
START_TEST(what_the_engine_refuses)
{
	const struct ntmem_engine *engine = ntmem_engine();
	struct ntmem_file_section section = { .size = SIZE };
	struct ntmem_map_view map = { .prot = PAGE_READWRITE };
	char path[32];
	int fd = make_file(SIZE);

	section.file = fd;
	ck_assert_int_eq(engine->create_file_section(&section), -EINVAL);
	section.prot = PAGE_READWRITE;
	section.size = 0;
	ck_assert_int_eq(engine->create_file_section(&section), -EINVAL);
	section.size = 1ULL << 62;
	ck_assert_int_eq(engine->create_file_section(&section), -EINVAL);
	section.size = LARGE_PAGE_BYTES;
	section.flags = NTMEM_SECTION_RESERVE;
	ck_assert_int_eq(engine->create_file_section(&section), -EINVAL);
	/* Not of large pages, but of a part of one. */
	section.size = SIZE;
	section.flags = SECTION_LARGE_PAGES;
	ck_assert_int_eq(engine->create_file_section(&section), -EINVAL);
	section.flags = 0;
	section.file = -1;
	ck_assert_int_eq(engine->create_file_section(&section), -EBADF);
	section.file = open("/dev/zero", O_RDWR);
	ck_assert_int_eq(engine->create_file_section(&section), -EINVAL);
	close(section.file);
	/* Linux sees to it that who may only read the file does not write. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	section.file = open(path, O_RDONLY);
	ck_assert_int_eq(engine->create_file_section(&section), 0);
	map.fd = section.fd;
	ck_assert_int_eq(engine->map_view(&map), -EACCES);
	engine->close_section(section.fd);
	close(section.file);
	close(fd);
}
END_TEST

START_TEST(a_file_section_is_inherited_when_it_is_said)
{
	SECURITY_ATTRIBUTES attributes = { .nLength = sizeof(attributes) };
	int fd = make_file(SIZE), i;
	HANDLE file = handle_of(fd), section;

	for (i = 0; i < 2; i++) {
		attributes.bInheritHandle = i;
		section = CreateFileMappingA(file, &attributes, PAGE_READONLY,
					     0, 0, NULL);
		ck_assert_ptr_nonnull(section);
		ck_assert_int_eq(fcntl(ntmem_handle_to_fd(section), F_GETFD),
				 i ? 0 : FD_CLOEXEC);
		assert_ok(CloseHandle(section));
	}
	CloseHandle(file);
	close(fd);
}
END_TEST

/* See section_names.c for the others. */
START_TEST(an_empty_name_is_none)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_of(fd), one, two;

	one = CreateFileMappingA(file, NULL, PAGE_READONLY, 0, 0, "");
	two = CreateFileMappingA(file, NULL, PAGE_READONLY, 0, 0, "");
	ck_assert(one && two);
	ck_assert_uint_eq(GetLastError(), ERROR_SUCCESS);
	CloseHandle(one);
	CloseHandle(two);
	CloseHandle(file);
	close(fd);
}
END_TEST

/* ------------------------------------------------------------------- sizes --- */

START_TEST(sizes)
{
	int empty = make_file(0), fd = make_file(SIZE);
	HANDLE none = handle_of(empty), file = handle_of(fd), section;
	HANDLE less = handle_with(fd, O_RDONLY);
	char *p;

	assert_fails(ERROR_FILE_INVALID, section_of(none, PAGE_READWRITE, 0));
	/* What nobody may write does not become longer. */
	assert_fails(ERROR_NOT_ENOUGH_MEMORY, section_of(less, PAGE_READONLY,
							 SIZE + 1));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY, section_of(file, PAGE_WRITECOPY,
							 SIZE + 1));
	assert_fails(ERROR_NOT_ENOUGH_MEMORY, section_of(file, PAGE_READWRITE,
							 1ULL << 62));
	ck_assert_int_eq(size_of(fd), SIZE);
	/* What may, to the byte. */
	section = make(none, PAGE_READWRITE, PAGE + 1);
	ck_assert_int_eq(size_of(empty), PAGE + 1);
	p = view(section, FILE_MAP_WRITE);
	assert_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	ck_assert_int_eq(peek(p + PAGE), 0);
	assert_ok(UnmapViewOfFile(p));
	assert_fails(ERROR_ACCESS_DENIED,
		     MapViewOfFile(section, FILE_MAP_READ, 0, 0, PAGE + 2));
	assert_ok(p = MapViewOfFile(section, FILE_MAP_READ, 0, 0, PAGE + 1));
	assert_ok(UnmapViewOfFile(p));
	assert_ok(CloseHandle(section));
	/* Less than the file has. */
	section = make(file, PAGE_READONLY, PAGE + 3);
	p = view(section, FILE_MAP_READ);
	assert_run(p, 2 * PAGE, MEM_COMMIT, PAGE_READONLY);
	assert_ok(UnmapViewOfFile(p));
	assert_ok(CloseHandle(section));
	ck_assert_int_eq(size_of(fd), SIZE);
	CloseHandle(none);
	CloseHandle(less);
	CloseHandle(file);
	close(empty);
	close(fd);
}
END_TEST

/* No signal, and no longer file. */
static void extend_beyond_the_limit(void *arg)
{
	struct rlimit limit = { 2 * SIZE, 2 * SIZE };
	HANDLE file = *(HANDLE *)arg;

	require(!setrlimit(RLIMIT_FSIZE, &limit));
	require(!section_of(file, PAGE_READWRITE, 3 * SIZE));
	require(GetLastError() == ERROR_DISK_FULL);
	require(size_of(ntmem_handle_to_fd(file)) == SIZE);
	require(section_of(file, PAGE_READWRITE, SIZE + PAGE));
}

START_TEST(a_file_that_cannot_become_longer)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_of(fd);

	ck_assert_int_eq(in_child(extend_beyond_the_limit, &file), 0);
	CloseHandle(file);
	close(fd);
}
END_TEST

/* ------------------------------------------------------------------- views --- */

START_TEST(views_are_the_file)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_of(fd), section = make(file, PAGE_READWRITE, 0);
	MEMORY_BASIC_INFORMATION info;
	char *p, *q, *r;

	/* The section keeps the file, and views keep both. */
	assert_ok(CloseHandle(file));
	p = view(section, FILE_MAP_WRITE);
	assert_ok(q = MapViewOfFile(section, FILE_MAP_READ, 0, GRANULE, 0));
	assert_ok(r = MapViewOfFile(section, FILE_MAP_WRITE, 0, 2 * GRANULE,
				    3 * PAGE + 5));
	assert_fails(ERROR_MAPPED_ALIGNMENT,
		     MapViewOfFile(section, FILE_MAP_READ, 0, PAGE, 0));
	assert_ok(CloseHandle(section));
	assert_run(p, ROUNDED, MEM_COMMIT, PAGE_READWRITE);
	assert_run(q, ROUNDED - GRANULE, MEM_COMMIT, PAGE_READONLY);
	query(p + PAGE, &info);
	ck_assert_ptr_eq(info.AllocationBase, p);
	ck_assert_uint_eq(info.AllocationProtect, PAGE_READWRITE);
	ck_assert_uint_eq(info.Type, MEM_MAPPED);
	ck_assert_int_eq(peek(p + 2 * PAGE), 3);
	ck_assert_int_eq(peek(q), GRANULE / PAGE + 1);
	/* Behind the file's end it reads zero, and stays there. */
	ck_assert_int_eq(peek(p + SIZE), 0);
	poke(p + SIZE, 1);
	ck_assert_int_eq(size_of(fd), SIZE);
	poke(p + GRANULE + 7, 99);
	ck_assert_int_eq(peek(q + 7), 99);
	ck_assert_int_eq(byte_at(fd, GRANULE + 7), 99);
	ck_assert(!can_write(q));
	ck_assert_int_eq(pwrite(fd, "x", 1, 2 * (off_t)GRANULE), 1);
	ck_assert_int_eq(peek(r), 'x');
	assert_ok(FlushViewOfFile(p, 0));
	assert_ok(FlushViewOfFile(p + PAGE, 5));
	assert_fails(ERROR_INVALID_ADDRESS, FlushViewOfFile(p, ROUNDED + 1));
	assert_fails(ERROR_INVALID_ADDRESS, FlushViewOfFile((void *)-PAGE, 1));
	assert_ok(UnmapViewOfFile(q + 5 * PAGE + 5));
	ck_assert(!can_read(q));
	assert_fails(ERROR_INVALID_ADDRESS, FlushViewOfFile(q, 0));
	assert_ok(UnmapViewOfFile(p));
	assert_ok(UnmapViewOfFile(r));
	close(fd);
}
END_TEST

START_TEST(what_is_not_done_to_a_file)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_of(fd), section = make(file, PAGE_READWRITE, 0);
	char *p = view(section, FILE_MAP_WRITE);
	ULONG_PTR count = 1;
	PVOID page;
	DWORD granularity;

	assert_fails(ERROR_ACCESS_DENIED, VirtualAlloc(p, PAGE, MEM_COMMIT,
						       PAGE_READWRITE));
	assert_fails(ERROR_ACCESS_DENIED, VirtualAlloc(p, PAGE, MEM_RESET,
						       PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER, VirtualFree(p, 0, MEM_RELEASE));
	assert_fails(ERROR_INVALID_PARAMETER, VirtualFree(p, PAGE,
							  MEM_DECOMMIT));
	assert_fails(ERROR_INVALID_ADDRESS, VirtualAlloc(p, PAGE, MEM_RESERVE,
							 PAGE_READWRITE));
	assert_fails(ERROR_INVALID_PARAMETER,
		     GetWriteWatch(0, p, PAGE, &page, &count, &granularity) ==
		     0);
	assert_fails(ERROR_INVALID_ADDRESS,
		     UnmapViewOfFileEx(p, MEM_PRESERVE_PLACEHOLDER));
	ck_assert_int_eq(peek(p), 1);
	if (!under_valgrind()) {	/* which has no mlock2(2) */
		assert_ok(VirtualLock(p, 2 * PAGE));
		assert_ok(VirtualUnlock(p, 2 * PAGE));
	}
	assert_ok(UnmapViewOfFile(p));
	CloseHandle(section);
	CloseHandle(file);
	close(fd);
}
END_TEST

START_TEST(protections_of_a_file)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_of(fd), section = make(file, PAGE_READWRITE, 0);
	char *p = view(section, FILE_MAP_WRITE), *q = view(section,
							   FILE_MAP_READ);
	DWORD old;

	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualProtect(q, PAGE, PAGE_READWRITE, &old));
	assert_fails(ERROR_INVALID_PARAMETER,
		     VirtualProtect(p, PAGE, PAGE_EXECUTE_READ, &old));
	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_EXECUTE,
				   0, 0, 0));
	assert_ok(VirtualProtect(p + PAGE, PAGE, PAGE_NOACCESS, &old));
	ck_assert_uint_eq(old, PAGE_READWRITE);
	ck_assert(!can_read(p + PAGE));
	assert_run(p, PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(p + PAGE, PAGE, MEM_COMMIT, PAGE_NOACCESS);
	assert_ok(VirtualProtect(p, 3 * PAGE, PAGE_READWRITE | PAGE_GUARD,
				 &old));
	ck_assert(!can_write(p + PAGE));
	ck_assert(can_write(p + PAGE));
	assert_run(p + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
	ck_assert(!can_write(p + 2 * PAGE));
	assert_ok(UnmapViewOfFile(p));
	assert_ok(UnmapViewOfFile(q));
	CloseHandle(section);
	CloseHandle(file);
	close(fd);
}
END_TEST

START_TEST(copies_never_reach_the_file)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_with(fd, O_RDONLY);
	HANDLE section = make(file, PAGE_WRITECOPY, 0);
	char *copy = view(section, FILE_MAP_COPY);
	DWORD old;

	assert_fails(ERROR_INVALID_PARAMETER,
		     MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0));
	assert_run(copy, ROUNDED, MEM_COMMIT, PAGE_WRITECOPY);
	poke(copy + PAGE + 1, 77);
	ck_assert_int_eq(peek(copy + PAGE), 2);
	assert_run(copy, PAGE, MEM_COMMIT, PAGE_WRITECOPY);
	assert_run(copy + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_run(copy + 2 * PAGE, ROUNDED - 2 * PAGE, MEM_COMMIT,
		   PAGE_WRITECOPY);
	ck_assert_int_eq(byte_at(fd, PAGE + 1), 2);
	/* What is not copied shows what becomes of the file. */
	ck_assert_int_eq(pwrite(fd, "x", 1, 3 * (off_t)PAGE), 1);
	ck_assert_int_eq(pwrite(fd, "x", 1, (off_t)PAGE + 1), 1);
	ck_assert_int_eq(peek(copy + 3 * PAGE), 'x');
	ck_assert_int_eq(peek(copy + PAGE + 1), 77);
	assert_ok(VirtualProtect(copy, 2 * PAGE, PAGE_READONLY, &old));
	ck_assert_int_eq(peek(copy + PAGE + 1), 77);
	assert_ok(VirtualProtect(copy, 2 * PAGE, PAGE_WRITECOPY, &old));
	assert_run(copy + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_ok(UnmapViewOfFile(copy));
	CloseHandle(section);
	CloseHandle(file);
	close(fd);
}
END_TEST

START_TEST(code_from_a_file)
{
	static const unsigned char code[] = { 0xc3 };
	int fd = make_file(SIZE);
	HANDLE file, section;
	char *p;

	ck_assert_int_eq(pwrite(fd, code, 1, 0), 1);
	file = handle_with(fd, O_RDONLY);
	section = make(file, PAGE_EXECUTE_READ, 0);
	p = view(section, FILE_MAP_READ | FILE_MAP_EXECUTE);
	assert_run(p, ROUNDED, MEM_COMMIT, PAGE_EXECUTE_READ);
	ck_assert(can_execute(p));
	assert_ok(UnmapViewOfFile(p));
	p = view(section, FILE_MAP_READ);
	ck_assert(!can_execute(p));
	assert_ok(UnmapViewOfFile(p));
	CloseHandle(section);
	CloseHandle(file);
	close(fd);
}
END_TEST

/* ------------------------------------------------------------ placeholders --- */

#define KEEP	(MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER)
#define JOIN	(MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS)

static char *make_placeholder(size_t size)
{
	char *p;

	assert_ok(p = VirtualAlloc2(NULL, NULL, size, MEM_RESERVE |
				    MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS,
				    NULL, 0));
	return p;
}

static char *view_at(HANDLE section, char *place, size_t size, DWORD protect)
{
	return MapViewOfFile3(section, NULL, place, PAGE, size,
			      MEM_REPLACE_PLACEHOLDER, protect, NULL, 0);
}

/* Is it a placeholder, and whoever's it should be? */
static void is_placeholder(char *place, size_t size)
{
	assert_run(place, size, MEM_RESERVE, 0);
	assert_ok(VirtualAlloc2(NULL, place, size, MEM_RESERVE | MEM_COMMIT |
				MEM_REPLACE_PLACEHOLDER, PAGE_READWRITE, NULL,
				0));
	ck_assert_int_eq(peek(place), 0);
	assert_ok(VirtualFree(place, size, KEEP));
	assert_run(place, size, MEM_RESERVE, 0);
}

/* The middle of three, to and fro; then all are one. */
START_TEST(files_in_placeholders)
{
	int fd = make_file(SIZE), i;
	HANDLE file = handle_of(fd), section = make(file, PAGE_READWRITE, 0);
	char *all = make_placeholder(3 * GRANULE), *place = all + GRANULE;
	char byte;

	assert_ok(VirtualFree(place, GRANULE, KEEP));
	for (i = 0; i < 3; i++) {
		ck_assert_ptr_eq(view_at(section, place, GRANULE,
					 PAGE_READWRITE), place);
		assert_run(place, GRANULE, MEM_COMMIT, PAGE_READWRITE);
		ck_assert_int_eq(peek(place + PAGE), 3);
		poke(place, 10 + i);
		ck_assert_int_eq(pread(fd, &byte, 1, PAGE), 1);
		ck_assert_int_eq(byte, 10 + i);
		assert_fails(ERROR_INVALID_ADDRESS,
			     VirtualFree(all, 3 * GRANULE, JOIN));
		assert_run(all, GRANULE, MEM_RESERVE, 0);
		assert_ok(UnmapViewOfFileEx(place, MEM_PRESERVE_PLACEHOLDER));
		is_placeholder(place, GRANULE);
	}
	assert_ok(VirtualFree(place, PAGE, KEEP));
	is_placeholder(place, PAGE);
	assert_ok(VirtualFree(all, 3 * GRANULE, JOIN));
	is_placeholder(all, 3 * GRANULE);
	drop(all);
	CloseHandle(section);
	CloseHandle(file);
	close(fd);
}
END_TEST

/* Without PRESERVE the addresses are free, to be used by anybody. */
START_TEST(a_file_in_a_placeholder_ends)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_of(fd), section = make(file, PAGE_READWRITE, 0);
	char *place = make_placeholder(2 * GRANULE);

	assert_ok(VirtualFree(place, GRANULE, KEEP));
	assert_ok(view_at(section, place, GRANULE, PAGE_WRITECOPY));
	poke(place, 9);
	assert_run(place, PAGE, MEM_COMMIT, PAGE_READWRITE);
	assert_fails(ERROR_INVALID_PARAMETER, VirtualFree(place, GRANULE, KEEP));
	assert_ok(UnmapViewOfFile(place));
	ck_assert(is_free(place));
	assert_run(place + GRANULE, GRANULE, MEM_RESERVE, 0);
	assert_ok(VirtualAlloc(place, GRANULE, MEM_RESERVE | MEM_COMMIT,
			       PAGE_READWRITE));
	ck_assert_int_eq(peek(place), 0);
	drop(place);
	drop(place + GRANULE);
	CloseHandle(section);
	CloseHandle(file);
	close(fd);
}
END_TEST

/* What fails leaves the placeholder as it was. */
START_TEST(files_that_do_not_fit_placeholders)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_of(fd), section = make(file, PAGE_READONLY, 0);
	char *place = make_placeholder(GRANULE);
	char *other = VirtualAlloc(NULL, GRANULE, MEM_RESERVE, PAGE_READWRITE);

	assert_fails(ERROR_INVALID_ADDRESS,
		     view_at(section, place, PAGE, PAGE_READONLY));
	assert_fails(ERROR_INVALID_ADDRESS,
		     view_at(section, place + PAGE, PAGE, PAGE_READONLY));
	assert_fails(ERROR_INVALID_ADDRESS,
		     view_at(section, place, 2 * GRANULE, PAGE_READONLY));
	assert_fails(ERROR_INVALID_ADDRESS,
		     view_at(section, other, GRANULE, PAGE_READONLY));
	assert_fails(ERROR_INVALID_PARAMETER,
		     view_at(section, place, GRANULE, PAGE_READWRITE));
	assert_fails(ERROR_ACCESS_DENIED,
		     view_at(section, place, 4 * GRANULE, PAGE_READONLY));
	is_placeholder(place, GRANULE);
	assert_ok(view_at(section, place, GRANULE, PAGE_READONLY));
	assert_fails(ERROR_INVALID_ADDRESS,
		     view_at(section, place, GRANULE, PAGE_READONLY));
	assert_ok(UnmapViewOfFileEx(place, MEM_PRESERVE_PLACEHOLDER));
	is_placeholder(place, GRANULE);
	drop(place);
	drop(other);
	CloseHandle(section);
	CloseHandle(file);
	close(fd);
}
END_TEST

/* One allocation of the library's own fails, or all from there on. */
static bool map_without_memory(HANDLE section, char *place, inject_order order,
			       unsigned int n)
{
	char *view;
	bool hit;

	order(INJECT_ALLOCATION, n, ENOMEM);
	view = view_at(section, place, GRANULE, PAGE_READWRITE);
	hit = inject_end();
	if (view) {
		ck_assert_int_eq(peek(view + PAGE), 3);
		assert_ok(UnmapViewOfFileEx(view, MEM_PRESERVE_PLACEHOLDER));
	} else {
		ck_assert(hit);
		ck_assert_uint_eq(GetLastError(), ERROR_COMMITMENT_LIMIT);
	}
	is_placeholder(place, GRANULE);
	return hit;
}

START_TEST(files_without_memory_in_placeholders)
{
	static const inject_order orders[] = { inject, inject_from };
	int fd = make_file(SIZE);
	HANDLE file = handle_of(fd), section = make(file, PAGE_READWRITE, 0);
	char *place = make_placeholder(GRANULE);
	unsigned int n = 1;

	while (map_without_memory(section, place, orders[_i], n))
		n++;
	/* The embedded engine has all that it needs. */
	ck_assert(n > 1 || !on_kernel_engine());
	drop(place);
	CloseHandle(section);
	CloseHandle(file);
	close(fd);
}
END_TEST

struct placed {
	HANDLE section;
	char *view, *place;
};

static void expect_nothing(void *arg)
{
	require(is_free(arg));
}

/* Where Linux maps no file any more: the placeholder is what it was. */
static void map_without_mmap(void *arg)
{
	struct placed *p = arg;

	/* What keeps the addresses is private. */
	if (!refuse_if(SYS_mmap, 3, MAP_SHARED | MAP_FIXED, ENOMEM))
		return;
	require(!view_at(p->section, p->place, GRANULE, PAGE_READWRITE));
	require(GetLastError() == ERROR_COMMITMENT_LIMIT);
	is_placeholder(p->place, GRANULE);
	require(VirtualFree(p->place, 0, MEM_RELEASE));
}

/* Where the module does not take it back either, it stays the library's. */
static void neither_mmap_nor_ioctl(void *arg)
{
	struct placed *p = arg;

	/* Its only view of a file, so that the place is all there is to find. */
	require(UnmapViewOfFile(p->view));
	if (!refuse_if(SYS_mmap, 3, MAP_SHARED | MAP_FIXED, ENOMEM) ||
	    !refuse_if(SYS_ioctl, 1, (uint32_t)NTMEM_IOC_RESERVE, ENOMEM))
		return;
	require(!view_at(p->section, p->place, GRANULE, PAGE_READWRITE));
	require(GetLastError() == ERROR_COMMITMENT_LIMIT);
	assert_run(p->place, GRANULE, MEM_RESERVE, 0);
	require(!can_read(p->place));
	require(VirtualFree(p->place, 0, MEM_RELEASE));
	expect_nothing(p->place);
}

/* And where the module gives nothing back, a view is what it was. */
static void preserve_without_ioctl(void *arg)
{
	struct placed *p = arg;

	if (!on_kernel_engine() || !refuse(SYS_ioctl, ENOMEM))
		return;
	require(!UnmapViewOfFileEx(p->view, MEM_PRESERVE_PLACEHOLDER));
	require(GetLastError() == ERROR_COMMITMENT_LIMIT);
	require(peek(p->view) == 2);
	require(FlushViewOfFile(p->view, 0));
}

static void preserve_in_a_child(void *arg)
{
	struct placed *p = arg;

	require(UnmapViewOfFileEx(p->view, MEM_PRESERVE_PLACEHOLDER));
	is_placeholder(p->view, GRANULE);
	require(view_at(p->section, p->place, GRANULE, PAGE_READONLY));
	require(peek(p->place) == 2);
	require(UnmapViewOfFileEx(p->place, MEM_PRESERVE_PLACEHOLDER));
	is_placeholder(p->place, GRANULE);
	require(VirtualFree(p->view, 0, MEM_RELEASE));
}

START_TEST(files_in_placeholders_of_children)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_of(fd), section = make(file, PAGE_READWRITE, 0);
	struct placed p = { .section = section };

	p.view = make_placeholder(GRANULE);
	p.place = make_placeholder(GRANULE);
	assert_ok(view_at(section, p.view, GRANULE, PAGE_READWRITE));
	ck_assert_int_eq(in_child(preserve_in_a_child, &p), 0);
	ck_assert_int_eq(in_child(map_without_mmap, &p), 0);
	ck_assert_int_eq(in_child(neither_mmap_nor_ioctl, &p), 0);
	ck_assert_int_eq(in_child(preserve_without_ioctl, &p), 0);
	ck_assert_int_eq(peek(p.view), 2);
	is_placeholder(p.place, GRANULE);
	assert_ok(UnmapViewOfFileEx(p.view, MEM_PRESERVE_PLACEHOLDER));
	is_placeholder(p.view, GRANULE);
	drop(p.view);
	drop(p.place);
	CloseHandle(section);
	CloseHandle(file);
	close(fd);
}
END_TEST

/* A view that is not for children leaves a placeholder that is not, either. */
START_TEST(a_file_that_children_do_not_get)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_of(fd), section = make(file, PAGE_READWRITE, 0);
	char *place = make_placeholder(GRANULE);
	struct ntmem_map_view request = {
		.fd = ntmem_handle_to_fd(section), .prot = PAGE_READWRITE,
		.addr = (uintptr_t)place, .size = GRANULE,
		.flags = NTMEM_RESERVE_REPLACE | NTMEM_RESERVE_NOFORK,
	};

	ck_assert_int_eq(ntmem_engine()->map_view(&request), 0);
	ck_assert_int_eq(peek(place), 1);
	ck_assert_int_eq(in_child(expect_nothing, place), 0);
	assert_ok(UnmapViewOfFileEx(place, MEM_PRESERVE_PLACEHOLDER));
	assert_run(place, GRANULE, MEM_RESERVE, 0);
	ck_assert_int_eq(in_child(expect_nothing, place), 0);
	is_placeholder(place, GRANULE);
	ck_assert_int_eq(in_child(expect_nothing, place), 0);
	drop(place);
	CloseHandle(section);
	CloseHandle(file);
	close(fd);
}
END_TEST

struct thief {
	char *place;
	bool over;
	bool stole;
};

/* Tries to get a page of it, over and over. */
static void *steal(void *arg)
{
	struct thief *thief = arg;

	while (!__atomic_load_n(&thief->over, __ATOMIC_RELAXED))
		if (mmap(thief->place + PAGE, PAGE, PROT_READ, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
		    MAP_FAILED)
			thief->stole = true;
	return NULL;
}

START_TEST(nobody_gets_the_place_of_a_file)
{
	int fd = make_file(SIZE), i;
	HANDLE file = handle_of(fd), section = make(file, PAGE_READWRITE, 0);
	struct thief thief = { .place = make_placeholder(GRANULE) };
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, steal, &thief), 0);
	for (i = 0; i < 300; i++) {
		assert_ok(view_at(section, thief.place, GRANULE,
				  PAGE_READWRITE));
		assert_ok(UnmapViewOfFileEx(thief.place,
					    MEM_PRESERVE_PLACEHOLDER));
	}
	__atomic_store_n(&thief.over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ck_assert(!thief.stole);
	is_placeholder(thief.place, GRANULE);
	drop(thief.place);
	CloseHandle(section);
	CloseHandle(file);
	close(fd);
}
END_TEST

/* --------------------------------------------------------- other processes --- */

struct inherited {
	HANDLE section;
	char *shared, *copy;
};

static void use_inherited(void *arg)
{
	struct inherited *i = arg;
	char *p;

	require(peek(i->shared) == 7 && peek(i->copy) == 8);
	poke(i->shared + PAGE, 9);
	poke(i->copy, 10);
	p = MapViewOfFile(i->section, FILE_MAP_READ, 0, 0, 0);
	require(p && peek(p + PAGE) == 9);
	require(UnmapViewOfFile(i->shared));
	require(CloseHandle(i->section));
}

START_TEST(a_child_has_the_file)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_of(fd);
	struct inherited i = { .section = make(file, PAGE_READWRITE, 0) };

	i.shared = view(i.section, FILE_MAP_WRITE);
	i.copy = view(i.section, FILE_MAP_COPY);
	poke(i.shared, 7);
	poke(i.copy, 8);
	ck_assert_int_eq(in_child(use_inherited, &i), 0);
	ck_assert_int_eq(peek(i.shared + PAGE), 9);
	ck_assert_int_eq(peek(i.copy), 8);
	assert_ok(UnmapViewOfFile(i.shared));
	assert_ok(UnmapViewOfFile(i.copy));
	CloseHandle(i.section);
	CloseHandle(file);
	close(fd);
}
END_TEST

/* A stranger's handle is one, but the file is not there. */
static void use_a_strangers(void *arg)
{
	int *pipe_of = arg, fd;
	char path[64];
	pid_t parent;

	require(read(pipe_of[0], &fd, sizeof(fd)) == sizeof(fd));
	parent = getppid();
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", parent, fd);
	fd = open(path, O_RDWR);
	require(fd >= 0);
	require(ntmem_handle_from_fd(fd));
	require(!MapViewOfFile(ntmem_handle_from_fd(dup(fd)), FILE_MAP_READ, 0,
			       0, 0));
	require(GetLastError() == ERROR_NOT_SUPPORTED);
}

START_TEST(a_stranger_has_no_file)
{
	int fd = make_file(SIZE), fds[2], number, status;
	HANDLE file = handle_of(fd), section;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		use_a_strangers(fds);
		_exit(0);
	}
	section = make(file, PAGE_READWRITE, 0);
	number = ntmem_handle_to_fd(section);
	ck_assert_int_eq(write(fds[1], &number, sizeof(number)),
			 sizeof(number));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(fds[0]);
	close(fds[1]);
	CloseHandle(section);
	CloseHandle(file);
	close(fd);
}
END_TEST

/* Rights go along with handles of file sections as with those of others. */
START_TEST(a_handle_with_less)
{
	int fd = make_file(SIZE);
	HANDLE file = handle_of(fd), section = make(file, PAGE_READWRITE, 0);
	HANDLE less, other;

	assert_ok(DuplicateHandle(GetCurrentProcess(), section,
				  GetCurrentProcess(), &less, SECTION_MAP_READ,
				  FALSE, 0));
	assert_fails(ERROR_ACCESS_DENIED, MapViewOfFile(less, FILE_MAP_WRITE,
							0, 0, 0));
	assert_ok(other = ntmem_handle_from_fd(dup(ntmem_handle_to_fd(less))));
	assert_fails(ERROR_ACCESS_DENIED, MapViewOfFile(other, FILE_MAP_WRITE,
							0, 0, 0));
	CloseHandle(section);
	assert_ok(UnmapViewOfFile(view(less, FILE_MAP_READ)));
	CloseHandle(less);
	assert_ok(UnmapViewOfFile(view(other, FILE_MAP_READ)));
	CloseHandle(other);
	CloseHandle(file);
	close(fd);
}
END_TEST

TCase *section_file_tests(void)
{
	TCase *tests = tcase_create("section file");

	tcase_add_test(tests, handles_of_files);
	tcase_add_loop_test(tests, what_a_file_may_become, 0, COUNT(rights));
	tcase_add_test(tests, what_is_no_file);
	tcase_add_test(tests, a_file_that_is_open_for_nothing);
	tcase_add_test(tests, what_the_engine_refuses);
	tcase_add_test(tests, a_file_section_is_inherited_when_it_is_said);
	tcase_add_test(tests, an_empty_name_is_none);
	tcase_add_test(tests, sizes);
	tcase_add_test(tests, a_file_that_cannot_become_longer);
	tcase_add_test(tests, views_are_the_file);
	tcase_add_test(tests, what_is_not_done_to_a_file);
	tcase_add_test(tests, protections_of_a_file);
	tcase_add_test(tests, copies_never_reach_the_file);
	tcase_add_test(tests, code_from_a_file);
	tcase_add_test(tests, files_in_placeholders);
	tcase_add_test(tests, a_file_in_a_placeholder_ends);
	tcase_add_test(tests, files_that_do_not_fit_placeholders);
	tcase_add_loop_test(tests, files_without_memory_in_placeholders, 0, 2);
	tcase_add_test(tests, files_in_placeholders_of_children);
	tcase_add_test(tests, a_file_that_children_do_not_get);
	/* Valgrind takes a page elsewhere for MAP_FIXED_NOREPLACE. */
	if (!under_valgrind())
		tcase_add_test(tests, nobody_gets_the_place_of_a_file);
	tcase_add_test(tests, a_child_has_the_file);
	tcase_add_test(tests, a_stranger_has_no_file);
	tcase_add_test(tests, a_handle_with_less);
	return tests;
}
