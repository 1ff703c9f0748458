"""Runs a program and writes down what it took: `peak.py FILE PROGRAM [ARGUMENT]…`.

A process of its own, because the peak of a child begins with the memory of whoever started it.
"""

import json
import os
import sys

pid = os.spawnvp(os.P_NOWAIT, sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(pid, 0)
with open(sys.argv[1], "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib would add to the memory
    json.dump({"peak_mb": usage.ru_maxrss / 1024, "cpu_s": usage.ru_utime + usage.ru_stime}, file)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
