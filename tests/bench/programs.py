# SPDX-License-Identifier: MIT
"""Whole programs of Debian as workloads: what they are given, and how they run.

What they read is made by us, below build/bench/; scripts are in programs.d/.
build/tests/bench --launch starts them, so that their peak is their own.
"""

import json
import os
import random
import shutil
import subprocess
import tempfile
import time

import allocators

TOP = allocators.TOP
LAUNCHER = os.path.join(TOP, "build/tests/bench")
SCRIPTS = os.path.join(TOP, "tests/bench/programs.d")
FOLDER = os.path.join(TOP, "build/bench")


class Failed(Exception):
    """What a program said before it failed."""


def launch(allocator, command):
    """The words that start a command under an allocator."""
    return [LAUNCHER, "--launch", "--preload", allocator.library, "--",
            *command]


def environment(allocator, **more):
    """Without the preload, which is for the command and not its launcher."""
    env = dict(allocator.environment(), LC_ALL="C", **more)
    del env["LD_PRELOAD"]
    return env


def read_result(status, output, errors):
    if status:
        raise Failed("status %d %s" % (status, errors.strip()[-200:]))
    result = json.loads(output)
    if result["status"]:
        raise Failed("status %d %s" % (result["status"],
                                       errors.strip()[-200:]))
    return result


class Program:
    """One command."""

    name = what = ""
    needs = ""

    def missing(self):
        """Why it cannot run, or None."""
        if shutil.which(self.needs):
            return None
        return "there is no %s" % self.needs

    def prepare(self, scale):
        """Makes what it reads; scale is how much work to do."""
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def run(self, allocator, limit):
        try:
            done = subprocess.run(
                launch(allocator, self.command()), cwd=TOP, text=True,
                env=environment(allocator, **self.environment()),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            raise Failed("more than %d s" % limit) from None
        return read_result(done.returncode, done.stdout, done.stderr)


def write(name, text):
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


class Python(Program):
    name = "python3"
    what = "objects, dictionaries and strings; all of them by malloc"
    needs = "python3"

    def prepare(self, scale):
        self.count = max(100, int(150000 * scale))

    def command(self):
        return ["python3", os.path.join(SCRIPTS, "objects.py"),
                str(self.count)]

    def environment(self):
        # Its own allocator of small objects would hide ours.
        return {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "1"}


class Perl(Program):
    name = "perl"
    what = "hashes, lists and strings"
    needs = "perl"

    def prepare(self, scale):
        self.count = max(100, int(80000 * scale))

    def command(self):
        return ["perl", os.path.join(SCRIPTS, "words.pl"), str(self.count)]

    def environment(self):
        return {"PERL_HASH_SEED": "1"}


class Compiler(Program):
    """C with some of everything, so that every pass has work."""

    name = "gcc"
    what = "compiles one large file of generated C"
    needs = "gcc"

    HEAD = """struct node { struct node *next; long key; char text[24]; };
extern struct node *table[64];
extern int work(const char *format, ...);
"""
    FUNCTION = """
static long step_{n}(struct node *node, long limit)
{{
	long sum = {a}, i;

	for (i = 0; node && i < limit; i++, node = node->next) {{
		switch (node->key % {b}) {{
		case 0: sum += node->key * {c}; break;
		case 1: sum ^= table[(sum + {a}) & 63] ? i << {d} : -i; break;
		case 2: work("%ld of {n}\\n", sum); /* fall through */
		default: sum -= node->text[i % 24] / {b}.5;
		}}
	}}
	return sum{call};
}}
"""

    def prepare(self, scale):
        dice = random.Random(1)
        count = max(10, int(250 * scale))
        text = [self.HEAD]
        for n in range(count):
            call = (" + step_%d(node, limit - 1)" % dice.randrange(n)
                    if n else "")
            text.append(self.FUNCTION.format(
                n=n, a=dice.randrange(1000), b=dice.randint(3, 9),
                c=dice.randrange(100), d=dice.randrange(8), call=call))
        text.append("long last(struct node *node)\n{\n\treturn %s;\n}\n" %
                    " +\n\t\t".join("step_%d(node, %d)" % (n, n)
                                    for n in range(count)))
        self.source = write("large.c", "".join(text))

    def command(self):
        return ["gcc", "-O1", "-c", "-o", os.devnull, self.source]


class Git(Program):
    name = "git"
    what = "add, commit, gc, log and grep in a repository made for it"
    needs = "git"

    def prepare(self, scale):
        dice = random.Random(1)
        words = ["word%d" % dice.randrange(5000) for _ in range(3000)]
        shutil.rmtree(os.path.join(FOLDER, "repository"), ignore_errors=True)
        for nr in range(max(20, int(250 * scale))):
            lines = [" ".join(dice.choice(words)
                              for _ in range(dice.randint(1, 12)))
                     for _ in range(dice.randint(10, 200))]
            path = write("repository/dir%d/file%d" % (nr % 40, nr),
                         "\n".join(lines) + "\n")
        self.folder = os.path.dirname(os.path.dirname(path))

    def command(self):
        return ["sh", os.path.join(SCRIPTS, "history.sh"), self.folder]

    def environment(self):
        who = {"%s_%s" % (role, key): value
               for role in ("GIT_AUTHOR", "GIT_COMMITTER")
               for key, value in (("NAME", "bench"), ("EMAIL", "bench@invalid"),
                                  ("DATE", "2024-01-01T00:00:00Z"))}
        return dict(who, GIT_CONFIG_GLOBAL=os.devnull,
                    GIT_CONFIG_NOSYSTEM="1",
                    GIT_CEILING_DIRECTORIES=FOLDER)


class Sqlite(Program):
    name = "sqlite3"
    what = "tables and indexes in memory: inserts, joins, updates"
    needs = "sqlite3"

    def prepare(self, scale):
        with open(os.path.join(SCRIPTS, "table.sql"),
                  encoding="ascii") as file:
            statements = file.read()
        self.script = write("table.sql", ".param set :count %d\n%s" % (
            max(100, int(100000 * scale)), statements))

    def command(self):
        return ["sqlite3", "-batch", "-bail", ":memory:",
                ".read " + self.script]


class Redis(Program):
    """A server and its load: the time is the load's, the peak the server's.

    The load comes by a Unix socket, from a process that has no preload.
    """

    name = "redis"
    what = "a server under redis-benchmark's load"
    needs = "redis-benchmark"

    def missing(self):
        if not self.server():
            return "there is no redis-server, nor redis-check-rdb"
        return super().missing()

    def server(self):
        return shutil.which("redis-server") or \
            shutil.which("redis-check-rdb")

    def prepare(self, scale):
        self.requests = max(100, int(100000 * scale))
        # One program, which looks at its name. Debian's package of that name
        # would start it on the machine; redis-tools does not.
        os.makedirs(FOLDER, exist_ok=True)
        self.program = os.path.join(FOLDER, "redis-server")
        if os.path.lexists(self.program):
            os.unlink(self.program)
        os.symlink(os.path.realpath(self.server()), self.program)

    def client(self, program, socket, *words, limit=60):
        return subprocess.run([program, "-s", socket, *words],
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              timeout=limit, check=False)

    def load(self, socket, limit):
        began = time.monotonic()
        for size in ("20", "300", "1500"):
            done = self.client(
                "redis-benchmark", socket, "-q", "-c", "16", "-P", "16",
                "-n", str(self.requests // 3), "-r", "20000", "-d", size,
                "-t", "set,get,lpush,rpop,sadd,hset,zadd", limit=limit)
            if done.returncode:
                raise Failed(done.stdout[-200:])
        return time.monotonic() - began

    def wait(self, process, socket):
        for _ in range(200):
            if process.poll() is not None:
                raise Failed("the server ended: " + process.stderr.read())
            if os.path.exists(socket) and "PONG" in self.client(
                    "redis-cli", socket, "ping").stdout:
                return
            time.sleep(0.05)
        raise Failed("the server does not answer")

    def run(self, allocator, limit):
        with tempfile.TemporaryDirectory() as folder:
            socket = os.path.join(folder, "socket")
            process = subprocess.Popen(
                launch(allocator, [
                    self.program, "--port", "0", "--unixsocket", socket,
                    "--save", "", "--appendonly", "no", "--dir", folder]),
                env=environment(allocator), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                self.wait(process, socket)
                seconds = self.load(socket, limit)
                self.client("redis-cli", socket, "shutdown", "nosave")
                output, errors = process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                raise Failed("more than %d s" % limit) from None
            finally:
                process.kill()		# its end ends the server
                process.wait()
        return dict(read_result(process.returncode, output, errors),
                    seconds=seconds)


ALL = (Python(), Perl(), Compiler(), Git(), Sqlite(), Redis())
