# SPDX-License-Identifier: MIT
"""Our headers beside mingw's: every name that ours define, compared.

One C program prints what a compiler knows of each name: the value and size of
constants; size, alignment and sign of types; offset and size of members. It is
compiled with our headers for Linux and with mingw's for Windows. Functions are
declared again, as ours have them, after mingw's headers. What mingw does not
compile is missing there, or not the same.
"""

import glob
import os
import re
import subprocess

OURS = "include/ntmem/"
WINDOWS = "#include <windows.h>\n#include <psapi.h>\n"
# The status codes that <windows.h> has, too, are of another type there.
STATUS = """#define WIN32_NO_STATUS
#include <windows.h>
#include <winternl.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>
"""
PROGRAM = """%s#include <stddef.h>
#include <stdio.h>
int main(void)
{
%s
return 0;
}
"""


class Name:
    """A name of our headers, and the line of C that tells what it is."""

    def __init__(self, header, name, line):
        self.header = header
        self.name = name
        self.line = line


def include_ours():
    return "".join("#include <%s>\n" % os.path.basename(path)
                   for path in sorted(glob.glob(OURS + "*.h")))


def preprocess():
    """(header, line) for each line of ours, macro definitions included."""
    text = subprocess.run(
        ["gcc", "-E", "-dD", "-I" + OURS, "-xc", "-"], input=include_ours(),
        stdout=subprocess.PIPE, text=True, check=True).stdout
    header = None
    for line in text.split("\n"):
        marker = re.match(r'# \d+ "(.*)"', line)
        if marker:
            header = marker.group(1)
            if OURS not in header or os.path.basename(header) == "ntmem.h":
                header = None		# what Windows has not
        elif header and line.strip():
            yield os.path.basename(header), line


def constant(header, name):
    return Name(header, name, 'printf("value %%lld, size %%zu", '
                '(long long)(%s), sizeof(%s));' % (name, name))


def scalar(header, name):
    return Name(header, name, 'printf("size %%zu, align %%zu, signed %%d", '
                'sizeof(%s), _Alignof(%s), (%s)-1 < (%s)0);' % ((name,) * 4))


def structure(header, name):
    return Name(header, name, 'printf("size %%zu, align %%zu", sizeof(%s), '
                '_Alignof(%s));' % (name, name))


def member(header, struct, name):
    return Name(header, struct + "." + name,
                'printf("offset %%zu, size %%zu", offsetof(%s, %s), '
                'sizeof(((%s *)0)->%s));' % (struct, name, struct, name))


def function(header, name, declaration):
    return Name(header, name, '(void)&%s; extern %s;' % (name, declaration))


def alias(header, name):
    """Another name of a function: here as there it is called by it."""
    return Name(header, name, "(void)&%s;" % name)


def statements(text):
    """Split at the semicolons outside of braces."""
    depth, start = 0, 0
    for at, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if char == ";" and depth == 0:
            yield text[start:at].strip()
            start = at + 1


def members(body):
    """The names of members; those of members without a name as well."""
    for statement in statements(body):
        inner = re.search(r"\{(.*)\}\s*(\w*)", statement, re.S)
        if inner and not inner.group(2):
            yield from members(inner.group(1))
        elif not re.search(r":\s*\d+$", statement):	# bits have no offset
            found = re.search(r"(\w+)\s*(\[[^]]*\])?$", statement)
            yield found.group(1)


def declared(header, statement):
    """What one declaration of a header defines."""
    statement = re.sub(r"__attribute__\s*\(\(.*?\)\)+", "", statement)
    statement = statement.replace("__extension__", "").strip()
    struct = re.match(r"typedef\s+(struct|union).*?\{(.*)\}\s*(.*)$", statement,
                      re.S)
    if struct:
        first, *rest = re.findall(r"\w+", struct.group(3))
        yield structure(header, first)
        for name in members(struct.group(2)):
            yield member(header, first, name)
        for name in rest:
            yield scalar(header, name)
    elif statement.startswith("typedef enum"):
        found = re.match(r"typedef\s+enum.*?\{(.*)\}\s*(.*)$", statement,
                         re.S)
        for name in re.findall(r"\w+", found.group(2)):
            yield scalar(header, name)
        for name in re.findall(r"(\w+)\s*(?:=[^,]*)?(?:,|$)",
                               found.group(1).strip()):
            yield constant(header, name)
    elif statement.startswith("typedef"):
        pointer = re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(", statement)
        names = [pointer.group(1)] if pointer else [
            re.search(r"(\w+)$", part.strip()).group(1)
            for part in statement.split(",")]
        for name in names:
            yield scalar(header, name)
    else:
        found = re.search(r"(\w+)\s*\(", statement)
        if found:
            yield function(header, found.group(1),
                           " ".join(statement.split()))


def names_of_ours():
    names, macros, code = [], [], {}
    for header, line in preprocess():
        macro = re.match(r"#define (\w+) +(.+)$", line)
        if macro and not macro.group(1).startswith("NTMEM_"):
            macros.append((header, *macro.groups()))
        elif not line.startswith("#"):
            code.setdefault(header, []).append(line)
    for header, lines in code.items():
        for statement in statements("\n".join(lines)):
            names += declared(header, statement)
    functions = {name.name for name in names if name.line.startswith("(void)")}
    return [*(alias(header, name) if value in functions
              else constant(header, name) for header, name, value in macros),
            *names]


def compile_what_can_be(compiler, includes, names, output):
    """Compile the program, without the names for which it is not C."""
    names = list(names)
    while True:
        lines = ['printf("%%d ", %d); %s puts("");' % (number, name.line)
                 for number, name in enumerate(names)]
        text = PROGRAM % (includes, "\n".join(lines))
        first = text[:text.index(lines[0])].count("\n") + 1
        result = subprocess.run(
            compiler + ["-w", "-xc", "-", "-o", output], input=text,
            stderr=subprocess.PIPE, text=True)
        if result.returncode == 0:
            return names
        bad = {int(found) - first for found in
               re.findall(r"^<stdin>:(\d+):\d+: (?:error|note)",
                          result.stderr, re.M)}
        if not bad or min(bad) < 0:
            raise RuntimeError(result.stderr)
        names = [name for number, name in enumerate(names)
                 if number not in bad]


def answers(text, names):
    found = {}
    for line in text.replace("\r", "").split("\n"):
        number, _, answer = line.partition(" ")
        if number:
            found[names[int(number)].name] = answer
    return found


def of_both(mingw, folder, run_windows, includes, names):
    """(names that compile with ours, answers with ours, with mingw's)."""
    ours = compile_what_can_be(["gcc", "-I" + OURS, "-D_GNU_SOURCE"],
                               include_ours(), names, folder + "/headers")
    result = subprocess.run([folder + "/headers"], stdout=subprocess.PIPE,
                            text=True, check=True)
    here = answers(result.stdout, ours)
    theirs = compile_what_can_be(
        [mingw, "-D_WIN32_WINNT=0x0A00", "-DNTDDI_VERSION=0x0A000005",
         "-D__USE_MINGW_ANSI_STDIO=1"],
        includes, ours, folder + "/headers.exe")
    there = answers(run_windows(folder + "/headers.exe"), theirs)
    return ours, here, there


def compare(mingw, folder, run_windows):
    """{header: differences}. run_windows(program) gives a program's output."""
    differences = {}
    names = names_of_ours()
    for includes, part in (
            (WINDOWS, [name for name in names if name.header != "ntstatus.h"]),
            (STATUS, [name for name in names if name.header == "ntstatus.h"])):
        ours, here, there = of_both(mingw, folder, run_windows, includes, part)
        for name in ours:
            found = differences.setdefault(name.header, [])
            one, other = here[name.name], there.get(name.name)
            if other is None:
                found.append("%s: missing, or declared otherwise" % name.name)
            elif one != other:
                found.append("%s: %s, not %s" % (name.name, other, one))
    return differences
