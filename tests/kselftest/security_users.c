// SPDX-License-Identifier: GPL-2.0
/*
 * Who may use the device and what a handle grants: other users, programs
 * that are set-uid, not dumpable or under seccomp, and namespaces. The lines
 * of doc/threat-model.md that begin with "security_users".
 *
 * Needs root, to become others.
 */
#include "ntmem_test.h"

#include <sched.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#define ALICE	65533
#define BOB	65532
#define DEVICE	"/dev/ntmem"
#define SECRET	0x5e

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd	438
#endif

FIXTURE(users)
{
	int fd;
	__u64 base;
	mode_t mode;
};

FIXTURE_SETUP(users)
{
	struct stat stat_;

	ASSERT_EQ(0, stat(DEVICE, &stat_));
	self->mode = stat_.st_mode & 07777;
	ASSERT_EQ(0, chmod(DEVICE, 0666));
	self->fd = open(DEVICE, O_RDWR);
	ASSERT_LE(0, self->fd);
	self->base = nt_block(self->fd, GRAN, RW);
	ASSERT_NE(0ULL, self->base);
	memset(nt_ptr(self->base), SECRET, GRAN);
}

FIXTURE_TEARDOWN(users)
{
	EXPECT_EQ(0, chmod(DEVICE, self->mode));
	close(self->fd);
}

static void become(uid_t uid)
{
	CHECK(!setresgid(uid, uid, uid));
	CHECK(!setresuid(uid, uid, uid));
}

/* A life of a reservation in this process, with a device of its own. */
static int lives(void)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	__u64 base;

	CHECK(fd >= 0);
	base = nt_block(fd, GRAN, RW);
	CHECK(base);
	CHECK(nt_all(base, GRAN, 0));
	memset(nt_ptr(base), 1, GRAN);
	CHECK(!nt_protect(fd, base, PAGE, RO, NULL));
	CHECK(nt_poke(base, 2) == -SIGSEGV);
	CHECK(!nt_decommit(fd, base, PAGE));
	CHECK(nt_peek(base) == -SIGSEGV);
	CHECK(!nt_release(fd, base, 0));
	close(fd);
	return 0;
}

/* A handle of another mm: every call is EIO, and nothing can be mapped. */
static int is_worthless(int fd, __u64 base)
{
	struct ntmem_info info;
	struct ntmem_query q;
	__u64 any = 0;

	CHECK(nt_info(fd, &info) == EIO);
	CHECK(nt_reserve(fd, &any, PAGE, RW, 0) == EIO);
	CHECK(nt_query(fd, base, &q) == EIO);
	CHECK(nt_commit(fd, base, PAGE, RW) == EIO);
	CHECK(nt_protect(fd, base, PAGE, RO, NULL) == EIO);
	CHECK(nt_decommit(fd, base, PAGE) == EIO);
	CHECK(nt_release(fd, base, 0) == EIO);
	CHECK(nt_lock(fd, base, PAGE) == EIO);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
		   base) == MAP_FAILED);
	return 0;
}

/* ------------------------------------------------------------------------
 * The device's node.
 */
static int is_shut_out(void *data)
{
	uid_t uid = *(uid_t *)data;

	become(uid);
	CHECK(open(DEVICE, O_RDWR) == -1 && errno == EACCES);
	CHECK(open(DEVICE, O_RDONLY) == -1 && errno == EACCES);
	CHECK(open(DEVICE, O_WRONLY) == -1 && errno == EACCES);
	return 0;
}

static int is_let_in(void *data)
{
	become(*(uid_t *)data);
	return lives();
}

/* The mode of the node is all that decides, and a group can be let in. */
TEST_F(users, the_mode_decides)
{
	uid_t alice = ALICE, bob = BOB;

	ASSERT_EQ(0, nt_in_child(is_let_in, &alice));
	ASSERT_EQ(0, chmod(DEVICE, 0600));
	ASSERT_EQ(0, nt_in_child(is_shut_out, &alice));
	ASSERT_EQ(0, chmod(DEVICE, 0660));
	ASSERT_EQ(0, chown(DEVICE, 0, ALICE));
	EXPECT_EQ(0, nt_in_child(is_let_in, &alice));
	EXPECT_EQ(0, nt_in_child(is_shut_out, &bob));
	ASSERT_EQ(0, chown(DEVICE, 0, 0));
}

/* ------------------------------------------------------------------------
 * Other users' processes.
 */
struct victim {
	__u64 base;
	int fd;
	uid_t uid;
	bool dumpable;
	struct nt_gate ready;
	struct nt_gate leave;
};

static int victim(void *data)
{
	struct victim *v = data;

	become(v->uid);
	/* A change of ids clears it. */
	CHECK(!prctl(PR_SET_DUMPABLE, v->dumpable));
	v->fd = open(DEVICE, O_RDWR);
	CHECK(v->fd >= 0);
	CHECK(nt_block(v->fd, GRAN, RW));
	CHECK(!nt_gate_open(&v->ready));
	CHECK(!nt_gate_wait(&v->leave));
	CHECK(nt_all(v->base, GRAN, SECRET));
	return 0;
}

/* What the kernel offers to look into another process. */
static int peeps(pid_t pid, __u64 base)
{
	char path[64], byte = 0;
	struct iovec local = { &byte, 1 }, remote = { nt_ptr(base), 1 };

	CHECK(process_vm_readv(pid, &local, 1, &remote, 1, 0) == -1);
	CHECK(errno == EPERM);
	CHECK(process_vm_writev(pid, &local, 1, &remote, 1, 0) == -1);
	CHECK(errno == EPERM);
	CHECK(ptrace(PTRACE_ATTACH, pid, NULL, NULL) == -1);
	CHECK(errno == EPERM);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	CHECK(open(path, O_RDONLY) == -1 && errno == EACCES);
	snprintf(path, sizeof(path), "/proc/%d/fd/0", pid);
	CHECK(open(path, O_RDONLY) == -1 && errno == EACCES);
	return 0;
}

struct peeper {
	struct victim *victim;
	pid_t pid;
	uid_t uid;
};

static int peeper(void *data)
{
	struct peeper *p = data;
	int pidfd = syscall(SYS_pidfd_open, p->pid, 0);

	become(p->uid);
	CHECK(syscall(SYS_pidfd_getfd, pidfd, p->victim->fd, 0) == -1);
	CHECK(errno == EPERM);
	return peeps(p->pid, p->victim->base);
}

static int peep_at(struct victim *v, uid_t uid)
{
	struct peeper p = { .victim = v, .uid = uid };
	int status;

	CHECK(!nt_gate_init(&v->ready));
	CHECK(!nt_gate_init(&v->leave));
	/* The lowest number, in the parent too, is what the child gets. */
	v->fd = dup(0);
	close(v->fd);
	p.pid = nt_spawn(victim, v);
	CHECK(!nt_gate_wait(&v->ready));
	status = nt_in_child(peeper, &p);
	CHECK(!nt_gate_open(&v->leave));
	CHECK(!nt_reap(p.pid));
	return status;
}

/* The memory is a process's own as any other memory is. */
TEST_F(users, cannot_look_into_others)
{
	struct victim v = { .base = self->base, .uid = ALICE,
			    .dumpable = true };

	ASSERT_EQ(0, peep_at(&v, BOB));
}

/* Not dumpable: not even the same user. */
TEST_F(users, cannot_look_into_the_undumpable)
{
	struct victim v = { .base = self->base, .uid = ALICE };

	ASSERT_EQ(0, peep_at(&v, ALICE));
}

/* A handle says nothing about its owner, however it was come by. */
static int has_the_handle(void *data)
{
	struct peeper *p = data;
	char path[64];
	struct ntmem_query q;
	int pidfd, fd;

	become(p->uid);
	pidfd = syscall(SYS_pidfd_open, p->pid, 0);
	fd = syscall(SYS_pidfd_getfd, pidfd, p->victim->fd, 0);
	CHECK(fd >= 0);
	CHECK(!is_worthless(fd, p->victim->base));
	/* Through /proc the device is opened anew: a space of one's own. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", p->pid,
		 p->victim->fd);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0);
	CHECK(!nt_release(fd, p->victim->base, 0));
	CHECK(!nt_query(fd, p->victim->base, &q));
	CHECK(nt_peek(p->victim->base) < 0);
	return 0;
}

TEST_F(users, a_handle_of_the_same_user)
{
	struct victim v = { .base = self->base, .uid = ALICE,
			    .dumpable = true };
	struct peeper p = { .victim = &v, .uid = ALICE };

	ASSERT_EQ(0, nt_gate_init(&v.ready));
	ASSERT_EQ(0, nt_gate_init(&v.leave));
	v.fd = dup(0);
	close(v.fd);
	p.pid = nt_spawn(victim, &v);
	ASSERT_EQ(0, nt_gate_wait(&v.ready));
	EXPECT_EQ(0, nt_in_child(has_the_handle, &p));
	ASSERT_EQ(0, nt_gate_open(&v.leave));
	/* Released in its own space by the other, it is still there. */
	ASSERT_EQ(0, nt_reap(p.pid));
}

struct carrier {
	int socks[2];
	__u64 base;
};

static int sends_handle(void *data)
{
	struct carrier *c = data;
	char byte;
	int fd;

	close(c->socks[0]);
	become(ALICE);
	fd = open(DEVICE, O_RDWR);
	CHECK(fd >= 0);
	CHECK(!nt_send_fd(c->socks[1], fd));
	CHECK(read(c->socks[1], &byte, 1) == 1);
	CHECK(nt_all(c->base, GRAN, SECRET));
	return 0;
}

static int receives_handle(void *data)
{
	struct carrier *c = data;
	char byte;
	int fd;

	close(c->socks[1]);
	become(BOB);
	fd = nt_receive_fd(c->socks[0]);
	CHECK(fd >= 0);
	CHECK(!is_worthless(fd, c->base));
	CHECK(write(c->socks[0], "", 1) == 1);
	/* Until the owner is gone. */
	CHECK(!read(c->socks[0], &byte, 1));
	return is_worthless(fd, c->base);
}

TEST_F(users, a_handle_passed_to_another_user)
{
	struct carrier c = { .base = self->base };
	pid_t sender, receiver;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, c.socks));
	sender = nt_spawn(sends_handle, &c);
	receiver = nt_spawn(receives_handle, &c);
	close(c.socks[0]);
	close(c.socks[1]);
	ASSERT_EQ(0, nt_reap(sender));
	ASSERT_EQ(0, nt_reap(receiver));
}

/* ------------------------------------------------------------------------
 * Set-uid programs. This one, started again, finds itself in the environment.
 */
#define COPY	"/run/ntmem-security"

static int after_exec(const char *text)
{
	struct ntmem_info info;
	uid_t euid;
	__u64 base;
	int fd, own;

	if (sscanf(text, "%d %llu %u", &fd, &base, &euid) != 3)
		return 1;
	CHECK(geteuid() == euid);
	CHECK(getuid() == ALICE);
	/* An inherited handle, and nothing behind it. */
	CHECK(!is_worthless(fd, base));
	CHECK(nt_peek(base) < 0);
	own = open(DEVICE, O_RDWR);
	CHECK(own >= 0);
	CHECK(nt_block(own, GRAN, RW));
	CHECK(!nt_info(own, &info));
	CHECK(info.space_committed == GRAN);
	/* Who started the program pays, not whom it acts for. */
	CHECK(info.user_committed == GRAN);
	return lives();
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("NTMEM_SECURITY");

	if (text)
		_exit(after_exec(text));
}

static int make_copy(mode_t mode)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(COPY, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0755);
	struct stat status;

	if (from < 0 || to < 0 || fstat(from, &status) ||
	    sendfile(to, from, NULL, status.st_size) != status.st_size ||
	    fchown(to, 0, 0) || fchmod(to, mode))
		return errno;
	close(from);
	close(to);
	return 0;
}

struct start {
	__u64 base;
	bool no_new_privs;
	bool dumpable;
};

static int starts(void *data)
{
	struct start *s = data;
	uid_t euid = s->no_new_privs ? ALICE : 0;
	char text[64];
	int fd;

	become(ALICE);
	fd = open(DEVICE, O_RDWR);
	CHECK(fd >= 0);
	if (s->no_new_privs)
		CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	snprintf(text, sizeof(text), "%d %llu %u", fd, s->base, euid);
	setenv("NTMEM_SECURITY", text, 1);
	execl(COPY, COPY, NULL);
	return 2;
}

TEST_F(users, set_uid_programs)
{
	struct start s = { .base = self->base };

	ASSERT_EQ(0, make_copy(04755));
	EXPECT_EQ(0, nt_in_child(starts, &s));
	ASSERT_EQ(0, unlink(COPY));
}

/* With no_new_privs it gains no id, and the rest is the same. */
TEST_F(users, no_new_privs)
{
	struct start s = { .base = self->base, .no_new_privs = true };

	ASSERT_EQ(0, make_copy(04755));
	EXPECT_EQ(0, nt_in_child(starts, &s));
	ASSERT_EQ(0, unlink(COPY));
}

/* ------------------------------------------------------------------------
 * Seccomp.
 */
#define ALLOW	SECCOMP_RET_ALLOW
#define REFUSE	(SECCOMP_RET_ERRNO | EPERM)

/* Refuses one system call or, of ioctl, one command. */
static int filter(unsigned int nr, unsigned int cmd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, cmd, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, cmd ? ALLOW : REFUSE),
		BPF_STMT(BPF_RET | BPF_K, REFUSE),
		BPF_STMT(BPF_RET | BPF_K, ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };

	/* Of other calls than the one that is filtered: the last line. */
	code[1].jf = 4;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ?:
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int without_ioctl(void *data)
{
	int fd = open(DEVICE, O_RDWR);
	__u64 base = nt_block(fd, GRAN, RW);
	struct ntmem_info info;

	(void)data;
	CHECK(base);
	CHECK(!filter(SYS_ioctl, 0));
	CHECK(nt_info(fd, &info) == EPERM);
	CHECK(nt_commit(fd, base, PAGE, RO) == EPERM);
	/* What it has works on. */
	CHECK(!nt_poke(base, 1));
	CHECK(nt_peek(base) == 1);
	return 0;
}

static int without_protect(void *data)
{
	int fd = open(DEVICE, O_RDWR);
	__u64 base = nt_block(fd, GRAN, RW);

	(void)data;
	CHECK(base);
	CHECK(!filter(SYS_ioctl, NTMEM_IOC_PROTECT));
	CHECK(nt_protect(fd, base, PAGE, RO, NULL) == EPERM);
	CHECK(!nt_poke(base, 1));
	CHECK(!nt_decommit(fd, base, PAGE));
	return 0;
}

/* Calls that only mmap and its like made need none of them with ntmem. */
static int without_mmap(void *data)
{
	(void)data;
	CHECK(!filter(SYS_mmap, 0));
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0) == MAP_FAILED);
	CHECK(errno == EPERM);
	return lives();
}

/* A filter sees the ioctl and its number, and nothing behind the pointer. */
TEST_F(users, seccomp)
{
	ASSERT_EQ(0, nt_in_child(without_ioctl, NULL));
	ASSERT_EQ(0, nt_in_child(without_protect, NULL));
	ASSERT_EQ(0, nt_in_child(without_mmap, NULL));
}

/* ------------------------------------------------------------------------
 * Namespaces.
 */
static int in_user_namespace(void *data)
{
	struct stat status;

	(void)data;
	CHECK(!stat(DEVICE, &status));
	become(ALICE);
	/* For the files in /proc/self, that they be ours. */
	CHECK(!prctl(PR_SET_DUMPABLE, 1));
	CHECK(!unshare(CLONE_NEWUSER | CLONE_NEWNS));
	CHECK(!nt_write_file("/proc/self/setgroups", "deny"));
	CHECK(!nt_write_file("/proc/self/uid_map", "0 65533 1"));
	CHECK(!nt_write_file("/proc/self/gid_map", "0 65533 1"));
	CHECK(!setresuid(0, 0, 0));
	/* The root of this namespace can make no way around the mode. */
	CHECK(!mount("none", "/run", "tmpfs", 0, NULL));
	CHECK(mknod("/run/ntmem", S_IFCHR | 0666, status.st_rdev) == -1);
	CHECK(errno == EPERM);
	CHECK(mount("none", "/run", "devtmpfs", 0, NULL) == -1);
	CHECK(errno == EPERM);
	CHECK(chmod(DEVICE, 0666) == -1 && errno == EPERM);
	if (data) {
		CHECK(open(DEVICE, O_RDWR) == -1 && errno == EACCES);
		return 0;
	}
	/* Nor raise the limits. */
	CHECK(nt_write_file("/sys/module/ntmem/parameters/commit_limit",
			    "1G") == EACCES);
	return lives();
}

TEST_F(users, root_of_a_user_namespace)
{
	ASSERT_EQ(0, nt_in_child(in_user_namespace, NULL));
	ASSERT_EQ(0, chmod(DEVICE, 0600));
	ASSERT_EQ(0, nt_in_child(in_user_namespace, self));
}

/* CAP_IPC_LOCK counts where the memory of the machine is governed. */
static int locks_in_user_namespace(void *data)
{
	struct rlimit limit = { PAGE, PAGE };
	__u64 base;
	int fd;

	(void)data;
	CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
	become(ALICE);
	CHECK(!unshare(CLONE_NEWUSER));
	fd = open(DEVICE, O_RDWR);
	base = nt_block(fd, GRAN, RW);
	CHECK(base);
	CHECK(!nt_lock(fd, base, PAGE));
	CHECK(nt_lock(fd, base, 2 * PAGE) == EDQUOT);
	limit.rlim_max = GRAN;
	CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == -1 && errno == EPERM);
	return 0;
}

TEST_F(users, no_more_locks_in_a_user_namespace)
{
	ASSERT_EQ(0, nt_in_child(locks_in_user_namespace, NULL));
}

static int first_of_its_namespace(void *data)
{
	struct ntmem_fault fault;
	__u64 base;
	int fd;

	(void)data;
	CHECK(getpid() == 1);
	fd = open(DEVICE, O_RDWR);
	base = nt_any(fd, GRAN, 0);
	CHECK(nt_peek(base) == -SIGSEGV);
	CHECK(!nt_last_fault(fd, &fault));
	CHECK(fault.addr == base);
	CHECK(nt_last_fault(fd, &fault) == ENODATA);
	return lives();
}

static int in_pid_namespace(void *data)
{
	CHECK(!unshare(CLONE_NEWPID));
	return nt_in_child(first_of_its_namespace, data);
}

/* Threads are told apart by what they are, not by their number inside. */
TEST_F(users, pid_namespace)
{
	ASSERT_EQ(0, nt_in_child(in_pid_namespace, NULL));
}

static int in_another_root(void *data)
{
	struct stat status;

	(void)data;
	CHECK(!stat(DEVICE, &status));
	CHECK(!unshare(CLONE_NEWNS));
	CHECK(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	CHECK(!mount("none", "/run", "tmpfs", MS_NOEXEC, NULL));
	CHECK(!mkdir("/run/dev", 0755));
	CHECK(!mknod("/run" DEVICE, S_IFCHR | 0666, status.st_rdev));
	CHECK(!chmod("/run" DEVICE, 0666));
	CHECK(!chroot("/run"));
	CHECK(!chdir("/"));
	CHECK(!lives());
	/* And not where device nodes are not to work. */
	CHECK(!mount(NULL, "/", NULL, MS_REMOUNT | MS_NODEV, NULL));
	CHECK(open(DEVICE, O_RDWR) == -1 && errno == EACCES);
	return 0;
}

/* One device, wherever its node lies. */
TEST_F(users, mount_namespace_and_chroot)
{
	ASSERT_EQ(0, nt_in_child(in_another_root, NULL));
}

TEST_HARNESS_MAIN
