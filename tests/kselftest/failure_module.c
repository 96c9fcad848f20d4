// SPDX-License-Identifier: GPL-2.0
/*
 * Loading the module, with each allocation and copy failing in turn: it loads,
 * or nothing of it is there. Needs that no other program uses the module.
 *
 * What the kernel's own loader allocates is part of the walk, since it cannot
 * be told apart.
 */
#include "failure_inject.h"
#include "module.h"

static int load(int file)
{
	return syscall(SYS_finit_module, file, "granularity=4096", 0) ?
		errno : 0;
}

/* Neither a device, nor a cache of objects, nor the module itself. */
static bool is_gone(void)
{
	static char text[1 << 16];

	if (!access("/dev/ntmem", F_OK) || !access("/sys/module/ntmem", F_OK))
		return false;
	return nt_read_file("/proc/slabinfo", text, sizeof(text)) ||
	       !strstr(text, "ntmem");
}

static int uses(void *data)
{
	int fd = open("/dev/ntmem", O_RDWR | O_CLOEXEC);
	struct ntmem_info info;
	__u64 base;

	(void)data;
	CHECK(fd >= 0);
	CHECK(!nt_info(fd, &info));
	CHECK(info.granularity == PAGE && !info.committed && !info.resident);
	base = nt_block(fd, MIB, RW);
	CHECK(base && !nt_poke(base, 1) && nt_peek(base) == 1);
	return 0;
}

FIXTURE(module)
{
	int file;
};

FIXTURE_SETUP(module)
{
	injection_begin(_metadata);
	self->file = open_module();
	if (self->file < 0)
		SKIP(return, "the module's file is not here");
	ASSERT_EQ(0, unload());
	ASSERT_TRUE(is_gone());
}

FIXTURE_TEARDOWN(module)
{
	int error = syscall(SYS_finit_module, self->file, "", 0) ? errno : 0;

	EXPECT_TRUE(!error || error == EEXIST);
	close(self->file);
}

static void load_failing(struct __test_metadata *_metadata,
			 const struct _test_data_module *self,
			 unsigned int times)
{
	bool injected = true;
	unsigned int n;
	int error;

	for (n = 1; injected; n++) {
		injection_open();
		inject(n, times);
		error = load(self->file);
		injected = inject_end(times);
		if (error) {
			ASSERT_TRUE(injected);
			ASSERT_TRUE(error == ENOMEM || error == EFAULT) {
				TH_LOG("failure %u: %s", n, strerror(error));
			}
			ASSERT_TRUE(is_gone()) {
				TH_LOG("failure %u", n);
			}
			continue;
		}
		ASSERT_EQ(0, nt_in_child(uses, NULL)) {
			TH_LOG("failure %u", n);
		}
		ASSERT_EQ(0, unload());
		ASSERT_TRUE(is_gone());
	}
	printf("# %u points\n", n - 2);
	fflush(stdout);
}

static void unload_failing(struct __test_metadata *_metadata,
			   const struct _test_data_module *self,
			   unsigned int times)
{
	bool injected = true;
	unsigned int n;
	int error;

	for (n = 1; injected; n++) {
		ASSERT_EQ(0, load(self->file));
		ASSERT_EQ(0, nt_in_child(uses, NULL));
		injection_open();
		inject(n, times);
		error = unload();
		injected = inject_end(times);
		if (error) {
			ASSERT_TRUE(injected);
			ASSERT_TRUE(error == ENOMEM || error == EFAULT);
			ASSERT_EQ(0, nt_in_child(uses, NULL));
			ASSERT_EQ(0, unload());
		}
		ASSERT_TRUE(is_gone()) {
			TH_LOG("failure %u", n);
		}
	}
	printf("# %u points\n", n - 2);
	fflush(stdout);
}

TEST_F_TIMEOUT(module, load_of_one, 900)
{
	load_failing(_metadata, self, ONE);
}

TEST_F_TIMEOUT(module, load_of_two, 900)
{
	load_failing(_metadata, self, TWO);
}

TEST_F_TIMEOUT(module, load_of_all, 900)
{
	load_failing(_metadata, self, ALL);
}

TEST_F_TIMEOUT(module, unload_of_one, 900)
{
	unload_failing(_metadata, self, ONE);
}

TEST_F_TIMEOUT(module, unload_of_two, 900)
{
	unload_failing(_metadata, self, TWO);
}

TEST_F_TIMEOUT(module, unload_of_all, 900)
{
	unload_failing(_metadata, self, ALL);
}

FAILURE_MAIN
