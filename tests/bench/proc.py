"""What processes have cost and what they hold, by the kernel's own account in /proc."""

import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_KIB_A_MIB = 1024

# Places in /proc/<pid>/stat after the name: source proc_pid_stat(5), less 3.
_PARENT, _USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = 1, 11, 12, 13, 14


def cpu_seconds(pid: int) -> float:
    """User and system time of the process so far, without its children."""
    fields = _stat(pid)
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS_A_SECOND


def tree_cpu_seconds(pid: int) -> float:
    """The same of the process and of all that came from it: those that live, and those that it has buried.

    A child that ends between two looks is in the second by what its parent says of buried children.
    """
    ticks = 0
    for process in _tree(pid):
        try:
            fields = _stat(process)
        except OSError:
            continue  # it ended while we looked, and its parent counts it
        ticks += sum(int(fields[at]) for at in (_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM))
    return ticks / _TICKS_A_SECOND


def resident_mib(pid: int, *, peak: bool = False) -> float:
    """Memory of the process that is in RAM (RSS), in MiB; `peak`: the most that it ever was."""
    wanted = "VmHWM" if peak else "VmRSS"
    for line in (_PROC / str(pid) / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == wanted:
            return int(value.split()[0]) / _KIB_A_MIB
    raise ProcessLookupError(pid)  # a zombie has no memory


def _tree(pid: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            try:
                parent = int(_stat(int(folder.name))[_PARENT])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found = [pid]
    while found:
        process = found.pop()
        yield process
        found += children.get(process, [])


def _stat(pid: int) -> list[str]:
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
