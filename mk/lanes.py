# SPDX-License-Identifier: MIT
"""Runs commands beside each other, so that none outlives the script or its time.

For tests/run and mk/fuzz, whose commands start guests.
"""

import os
import signal
import subprocess
import threading

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

RUNNING = set()
LOCK = threading.RLock()		# a signal may come while it is held
STOPPED = threading.Event()


def execute(command, log, env, limit):
    """Exit status of a command whose output goes to the file log.

    124 when the limit, in seconds, was reached: its whole process group is gone.
    """
    with open(log, "wb") as file, LOCK:
        if STOPPED.is_set():
            return 143
        process = subprocess.Popen(
            command, cwd=TOP, env=dict(os.environ, **env),
            stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            start_new_session=True)
        RUNNING.add(process)
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        kill(process)
        return 124
    finally:
        with LOCK:
            RUNNING.discard(process)


def kill(process):
    """TERM first: the guest runner then stops its guest."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass


def read_log(log):
    with open(log, "rb") as file:
        return file.read().decode("utf-8", "replace").replace("\r", "")


def on_signal(number, _frame):
    STOPPED.set()
    with LOCK:
        running = list(RUNNING)
    for process in running:
        kill(process)
    os._exit(128 + number)


def stop_on_signals():
    """From now on: a signal ends what runs, and the script."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
