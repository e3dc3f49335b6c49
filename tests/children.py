"""Processes that tests start."""

import sys

RESTORE = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def interruptible(command):
    """The command, made to hear Ctrl-C: a child inherits that its parent ignores it (nohup, some CI)."""
    return [sys.executable, "-P", "-c", RESTORE, *command]
