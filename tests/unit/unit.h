/* SPDX-License-Identifier: MIT */
/*
 * What the library's tests share: the suites, checks of Win32 results, and
 * accesses to memory that may fault.
 *
 * All tests go through the public functions and run on whichever engine
 * NTMEM_ENGINE selects; they hold for both. Each one passes with CK_FORK=no
 * too, so it leaves nothing behind. Those of add_windows_tests() are compiled
 * for Windows too, where their only calls are: see tests/wine/run. Cases with
 * the tag "watch" run again where writes are noticed by faults, and in guests on
 * the embedded engine: see tests/run.
 */
#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include <windows.h>

#define PAGE		0x1000UL
#define GRANULE		0x10000UL
/* A last error that nothing sets. */
#define UNTOUCHED	0xdeadbeefu

#define COUNT(array)	((int)(sizeof(array) / sizeof((array)[0])))

TCase *alloc_tests(void);
TCase *alloc2_tests(void);
TCase *bstr_tests(void);
TCase *crt_tests(void);
TCase *descriptor_tests(void);
TCase *engine_tests(void);
TCase *exception_tests(void);
TCase *failure_tests(void);
TCase *fork_tests(void);
TCase *free_tests(void);
TCase *global_tests(void);
TCase *guard_tests(void);
TCase *heap_alloc_tests(void);
TCase *heap_asan_tests(void);
TCase *heap_create_tests(void);
TCase *heap_failure_tests(void);
TCase *heap_host_tests(void);
TCase *heap_info_tests(void);
TCase *heap_lock_tests(void);
TCase *heap_model_tests(void);
TCase *heap_realloc_tests(void);
TCase *heap_report_tests(void);
TCase *heap_user_tests(void);
TCase *heap_walk_tests(void);
TCase *hints_tests(void);
TCase *host_tests(void);
TCase *inventory_tests(void);
TCase *lock_tests(void);
TCase *placeholder_tests(void);
TCase *placeholder_failure_tests(void);
TCase *placeholder_host_tests(void);
TCase *process_tests(void);
TCase *procmem_tests(void);
TCase *protect_tests(void);
TCase *query_tests(void);
TCase *refused_tests(void);
TCase *region_tests(void);
TCase *region_failure_tests(void);
TCase *region_model_tests(void);
TCase *remote_tests(void);
TCase *remote_handle_tests(void);
TCase *remote_thread_tests(void);
TCase *section_tests(void);
TCase *section_engine_tests(void);
TCase *section_failure_tests(void);
TCase *section_file_tests(void);
TCase *section_large_tests(void);
TCase *section_host_tests(void);
TCase *section_names_tests(void);
TCase *signal_tests(void);
TCase *system_tests(void);
TCase *thread_tests(void);
TCase *watch_tests(void);
TCase *watch_failure_tests(void);
TCase *watch_host_tests(void);
TCase *workingset_tests(void);
TCase *workingset_host_tests(void);

void add_windows_tests(Suite *suite);
/* Cases of what stands on the virtual functions; and the long ones of them. */
void add_heap_case(Suite *suite, TCase *tests);
void add_long_heap_case(Suite *suite, TCase *tests);

/* True when the call succeeds and leaves the last error alone. */
#define assert_ok(call) do {						\
	bool done_;							\
									\
	SetLastError(UNTOUCHED);					\
	done_ = !!(call);						\
	ck_assert_msg(done_ && GetLastError() == UNTOUCHED,		\
		      "%s: %s, error %u", #call,			\
		      done_ ? "succeeded" : "failed",			\
		      (unsigned int)GetLastError());			\
} while (0)

/* True when the call fails with just this last error; 0 is success. */
#define assert_fails(code, call) do {					\
	DWORD error_;							\
									\
	SetLastError(UNTOUCHED);					\
	error_ = (call) ? ERROR_SUCCESS : GetLastError();		\
	ck_assert_msg(error_ == (DWORD)(code), "%s: error %u, not %u",	\
		      #call, (unsigned int)error_,			\
		      (unsigned int)(code));				\
} while (0)

/* Checks one run as VirtualQuery reports it. */
#define assert_run(addr, size, state, protect) do {			\
	MEMORY_BASIC_INFORMATION run_;					\
	query(addr, &run_);						\
	ck_assert_ptr_eq(run_.BaseAddress, (void *)(addr));		\
	ck_assert_uint_eq(run_.RegionSize, size);			\
	ck_assert_uint_eq(run_.State, state);				\
	ck_assert_uint_eq(run_.Protect, protect);			\
} while (0)

/* Is there nothing at an address, as VirtualQuery tells? */
bool is_free(const void *addr);

bool on_kernel_engine(void);
/*
 * Valgrind plays the CPU, and not in all points like one. It needs the option
 * --vex-iropt-register-updates=allregs-at-mem-access, so that an instruction
 * can run again after its fault was handled.
 */
bool under_valgrind(void);

/* All takes many times as long there, whatever it is: see tests/patience.h. */
bool on_debug_kernel(void);

/*
 * The thread sanitizer has most of the address space for itself, and blocks
 * all signals while a handler runs.
 */
#ifdef __SANITIZE_THREAD__
#define UNDER_TSAN	1
#else
#define UNDER_TSAN	0
#endif

/* The address sanitizer maps more than a process that locks all of it may. */
#ifdef __SANITIZE_ADDRESS__
#define UNDER_ASAN	1
#else
#define UNDER_ASAN	0
#endif

/* VirtualQuery that must succeed. */
void query(const void *addr, MEMORY_BASIC_INFORMATION *info);

/* New memory of so many pages, released by drop(). */
char *reserve_pages(size_t pages);
char *commit_pages(size_t pages, DWORD protect);
void drop(void *base);

/* A hole of so many granules where nothing lies, and nothing will soon. */
char *find_hole(size_t granules);

/* In a child: the engine looks at the environment again; 0 or a negative errno. */
int open_again(void);

/*
 * In a child: sets the commit limit to so many bytes, a multiple of 1 KiB, above
 * what is committed, since heaps that other tests have used may hold some.
 */
bool limit_commit(uint64_t more);

/* One access; false when it faulted. */
bool can_read(const void *addr);
bool can_write(void *addr);
bool can_execute(const void *addr);

/* Accesses that fault and are made just there, since a handler looks on. */
void poke(void *addr, char value);
char peek(const void *addr);

/* The test program's own handler of SIGSEGV, on which those rely. */
void install_fault_handler(void);
/* How often it was called, by this thread. */
int faults_seen(void);

/* Runs a function in a child; returns its status as waitpid gives it. */
int in_child(void (*function)(void *arg), void *arg);

/* There: the line is the status that it ends with. */
#define require(condition) do {						\
	if (!(condition))						\
		_exit(__LINE__ & 0xff);					\
} while (0)

/*
 * ck_assert() tells the runner of each time that it holds, by a system call. For
 * what holds a million times.
 */
#define assert_quietly(condition) do {					\
	if (!(condition))						\
		ck_abort_msg("%s", #condition);				\
} while (0)

/* Descriptors that this process has open, and the one that counts them. */
int open_files(void);

#endif
