// SPDX-License-Identifier: MIT
/*
 * The steps that hold other steps, batch and fork; the help; the end.
 */
#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "do.h"

/* The status of an operation that the batch did not come to. */
#define NOT_RUN 1

/* Shows what became of the operations; counts those not as expected. */
static unsigned int batch_results(struct do_session *session,
				  const struct do_step *step,
				  const struct ntmem_op *ops)
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < step->body_count; i++) {
		const struct do_step *part = &step->body[i];
		struct do_result result;
		bool passed;

		do_result_begin(&result);
		if (ops[i].status == NOT_RUN)
			do_fail(&result, "not run");
		else
			do_op_done(session, part, &ops[i], &result);
		passed = do_expect_met(&part->expect, &result);
		do_report(session, part, &result, passed);
		wrong += !passed;
	}
	return wrong;
}

static bool batch_build(struct do_session *session, const struct do_step *step,
			struct ntmem_op *ops, struct do_result *result)
{
	for (size_t i = 0; i < step->body_count; i++) {
		if (!do_build_op(session, &step->body[i], &ops[i], result))
			return false;
		ops[i].status = NOT_RUN;
	}
	return true;
}

void do_batch(struct do_session *session, const struct do_step *step,
	      struct do_result *result)
{
	struct ntmem_op *ops = calloc(step->body_count, sizeof(*ops));
	struct ntmem_batch batch = {
		.ops = (uint64_t)(uintptr_t)ops,
		.count = (uint32_t)step->body_count,
		.flags = step->stop ? NTMEM_BATCH_STOP : 0,
	};
	unsigned int wrong;

	if (!ops)
		abort();
	if (!batch_build(session, step, ops, result))
		goto out;
	result->error = session->engine->batch(&batch);
	if (result->error)
		goto out;
	wrong = batch_results(session, step, ops);
	fprintf(result->text, "%u of %zu run", batch.done, step->body_count);
	json_object_object_add(result->json, "done",
			       json_object_new_uint64(batch.done));
	if (wrong)
		do_fail(result, ", %u failed", wrong);
out:
	free(ops);
}

static void __attribute__((noreturn)) run_child(struct do_session *session,
						const struct do_step *step)
{
	session->failures = 0;
	session->engine = tool_open_engine(session->engine ?
					   session->engine->name : NULL);
	if (!session->engine)
		_exit(TOOL_FAILED);
	for (size_t i = 0; i < step->body_count; i++)
		if (!do_run_step(session, &step->body[i]))
			break;
	fflush(stdout);
	_exit(session->failures ? TOOL_FAILED : TOOL_OK);
}

void do_fork(struct do_session *session, const struct do_step *step,
	     struct do_result *result)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0) {
		do_fail(result, "fork does not work here");
		return;
	}
	if (!child)
		run_child(session, step);
	if (waitpid(child, &status, 0) != child) {
		do_fail(result, "the child cannot be waited for");
		return;
	}
	if (WIFSIGNALED(status))
		do_fail(result, "the child died of %s",
			sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		do_fail(result, "the child failed");
	else
		fputs("the child is done", result->text);
}

void do_help(struct do_session *session, const struct do_step *step,
	     struct do_result *result)
{
	size_t count;
	const struct do_verb *verbs = do_verbs(&count);

	(void)session;
	(void)step;
	for (size_t i = 0; i < count; i++)
		fprintf(result->text, "%s%s %s\n      %s", i ? "\n" : "",
			verbs[i].name, verbs[i].usage, verbs[i].help);
	fputs("\nexpect WHAT STEP\n      the step must end with WHAT: ok, an "
	      "errno, a signal, a fault's\n      reason (free, reserved, "
	      "protection, guard), a value, or a state\n      (commit, "
	      "reserve, freed, foreign, also as STATE,P)\n"
	      "Sizes and addresses: 4096, 0x1000, 4K (also M, G, T). P: none, "
	      "r, rw, x,\nrx, rwx, also with +guard, +nocache, +wc, or a "
	      "Windows name.", result->text);
}

void do_quit(struct do_session *session, const struct do_step *step,
	     struct do_result *result)
{
	(void)step;
	(void)result;
	session->quit = true;
}
