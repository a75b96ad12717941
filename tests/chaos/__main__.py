"""`make chaos [ROUNDS=5] [SEED=…]`: rounds of faults at random under load; exits with 1 where any found a fault."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys

from tests.chaos.round import LONG, SHORT, run_round


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, help="of the first round, each later one has the next; default: any")
    parser.add_argument("--short", action="store_true", help="rounds as they run in CI")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C does: nothing of the round is left running
    first = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    failed = []
    for seed in range(first, first + given.rounds):
        report = run_round(seed, SHORT if given.short else LONG)
        print("\n".join(report.lines()))
        print(f"  again: make chaos ROUNDS=1 SEED={seed}{' SHORT=1' if given.short else ''}", flush=True)
        if report.faults:
            failed.append(seed)
    print(f"{given.rounds - len(failed)} of {given.rounds} rounds clean" + (f", not {failed}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
