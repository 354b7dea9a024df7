"""Runs a command and prints what it cost, as JSON: [exit code, wall s, CPU s, peak MB].

A process of its own, that imports next to nothing: Linux begins the peak of a process with that of
the one it was started from, so that from a process which has held pictures nothing small could be
measured.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(command: list[str]) -> None:
    """Run `command` to its end, its output thrown away."""
    actions = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    began = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - began
    cpu, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    print(json.dumps([os.waitstatus_to_exitcode(status), wall, cpu, memory]))


if __name__ == "__main__":
    main(sys.argv[1:])
