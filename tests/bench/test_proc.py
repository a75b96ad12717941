"""What processes cost and hold, as the kernel tells it."""

import os
import subprocess
import sys

from tests.bench.proc import cpu_seconds, resident_mib, tree_cpu_seconds

# Burns a quarter of a second in a child that lives, and as much in one that has ended; then says so and waits.
_BURNER = """
import subprocess, sys, time
burn = "import time\\nwhile time.process_time() < 0.25: pass\\n"
subprocess.run([sys.executable, "-c", burn], check=True)
living = subprocess.Popen([sys.executable, "-c", burn + "print(flush=True); input()"], stdin=-1, stdout=-1)
living.stdout.readline()
print(flush=True)
input()
living.communicate(b"\\n")
"""


def test_the_cost_of_a_tree_has_its_children_in_it_the_dead_ones_too() -> None:
    with subprocess.Popen([sys.executable, "-c", _BURNER], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert tree_cpu_seconds(process.pid) >= 0.5 - 2 / os.sysconf("SC_CLK_TCK") * 2
        assert tree_cpu_seconds(process.pid) - cpu_seconds(process.pid) >= 0.4
        process.communicate(b"\n")


def test_memory_is_what_a_process_holds_now_and_its_peak_what_it_ever_held() -> None:
    program = "held = b'x' * (64 << 20); print(flush=True); input(); del held; print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        assert resident_mib(process.pid) > 64
        process.stdin.write(b"\n")
        process.stdout.readline()
        assert resident_mib(process.pid) < 64 < resident_mib(process.pid, peak=True)
        process.stdin.write(b"\n")
