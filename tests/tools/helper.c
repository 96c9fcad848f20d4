// SPDX-License-Identifier: MIT
/*
 * What a shell script lacks to test the tool in a guest:
 *
 * helper user UID COMMAND...: runs a command as a user without privileges.
 *
 * helper screen FOLDER STEP... -- COMMAND...: runs a command on a terminal of its
 * own, 24 lines of 100. Steps: "expect TEXT" waits until the command has written
 * it; "send TEXT" types it; "mark" puts what was written since the mark before
 * into FOLDER/0, 1, ...; what comes after the last is in FOLDER/end, and
 * FOLDER/modes says whether the terminal was left as it was. Ends with the
 * command's status.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#define PATIENCE	60000	/* ms that a text may take to come */

/**
 * struct screen - a command on a terminal
 * @terminal: our end of it
 * @command: its process
 * @folder: for what it writes
 * @text: all that it has written
 * @size: of that
 * @seen: up to here a text was expected
 * @kept: up to here it is in a file
 * @marks: how many files there are
 */
struct screen {
	int terminal;
	pid_t command;
	const char *folder;
	char *text;
	size_t size;
	size_t seen;
	size_t kept;
	unsigned int marks;
};

static void die(const char *what)
{
	fprintf(stderr, "helper: %s: %s\n", what, strerror(errno));
	exit(125);
}

static int run_as(char **args)
{
	uid_t uid = (uid_t)strtoul(args[0], NULL, 10);

	if (setgroups(0, NULL) || setgid(uid) || setuid(uid))
		die("cannot be another user");
	execvp(args[1], args + 1);
	die(args[1]);
	return 125;
}

/* Some more of what it writes; false at the end of it. */
static bool read_more(struct screen *screen)
{
	struct pollfd poll_fd = { .fd = screen->terminal, .events = POLLIN };
	ssize_t got;

	if (poll(&poll_fd, 1, PATIENCE) <= 0)
		return false;
	screen->text = realloc(screen->text, screen->size + 4096);
	if (!screen->text)
		die("memory");
	got = read(screen->terminal, screen->text + screen->size, 4096);
	if (got <= 0)
		return false;
	screen->size += (size_t)got;
	return true;
}

static void expect(struct screen *screen, const char *text)
{
	const char *found = NULL;

	for (;;) {
		if (screen->size > screen->seen)
			found = memmem(screen->text + screen->seen,
				       screen->size - screen->seen, text,
				       strlen(text));
		if (found)
			break;
		if (!read_more(screen)) {
			fprintf(stderr, "helper: '%s' did not come, but:\n%.*s\n",
				text, (int)(screen->size - screen->seen),
				screen->text + screen->seen);
			exit(125);
		}
	}
	screen->seen = (size_t)(found - screen->text) + strlen(text);
}

static void send_text(const struct screen *screen, const char *text)
{
	if (write(screen->terminal, text, strlen(text)) < 0)
		die("cannot type");
}

static void keep_as(struct screen *screen, const char *name, size_t end)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", screen->folder, name);
	file = fopen(path, "w");
	if (!file)
		die(path);
	fwrite(screen->text + screen->kept, 1, end - screen->kept, file);
	screen->kept = end;
	if (fclose(file))
		die(path);
}

static void mark(struct screen *screen)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", screen->marks++);
	keep_as(screen, name, screen->seen);
}

static void keep_modes(const struct screen *screen, const struct termios *before)
{
	struct termios now;
	char path[512];
	FILE *file;

	if (tcgetattr(screen->terminal, &now))
		die("terminal");
	snprintf(path, sizeof(path), "%s/modes", screen->folder);
	file = fopen(path, "w");
	if (!file)
		die(path);
	fputs(now.c_lflag == before->c_lflag && now.c_iflag == before->c_iflag &&
	      now.c_oflag == before->c_oflag ? "same\n" : "others\n", file);
	if (fclose(file))
		die(path);
}

static int run_on_screen(char **args)
{
	struct winsize size = { .ws_row = 24, .ws_col = 100 };
	struct screen screen = { .folder = *args++ };
	struct termios before;
	int terminal = -1, status;
	char **command = args;

	while (*command && strcmp(*command, "--"))
		command++;
	if (!*command || openpty(&screen.terminal, &terminal, NULL, NULL, &size) ||
	    tcgetattr(terminal, &before))
		die("no terminal");
	mkdir(screen.folder, 0777);
	screen.command = fork();
	if (!screen.command) {
		close(screen.terminal);
		login_tty(terminal);
		execvp(command[1], command + 1);
		die(command[1]);
	}
	/* Once the command has closed its own, too, what it writes has an end. */
	close(terminal);
	for (; args < command; args++) {
		if (!strncmp(*args, "expect ", 7))
			expect(&screen, *args + 7);
		else if (!strncmp(*args, "send ", 5))
			send_text(&screen, *args + 5);
		else
			mark(&screen);
	}
	while (read_more(&screen))
		;
	waitpid(screen.command, &status, 0);
	keep_modes(&screen, &before);
	keep_as(&screen, "end", screen.size);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "user"))
		return run_as(argv + 2);
	if (argc > 3 && !strcmp(argv[1], "screen"))
		return run_on_screen(argv + 2);
	fputs("usage: helper user UID COMMAND... | screen FOLDER STEP... -- COMMAND...\n",
	      stderr);
	return 125;
}
