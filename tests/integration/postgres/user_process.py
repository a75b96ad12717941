"""A process that uses an embedded PostgreSQL: says `ready PID`, obeys `ensure`, leaves when its input ends."""

import sys
from pathlib import Path

import structlog

from infra.postgres.embedded import EmbeddedPostgres


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    server = EmbeddedPostgres(Path(sys.argv[1]))
    server.start()
    print("ready", server.postmaster_pid, flush=True)
    for line in sys.stdin:
        if line.strip() == "ensure":
            server.ensure()
            print("ready", server.postmaster_pid, flush=True)
    print("stopped" if server.stop() else "left", flush=True)


if __name__ == "__main__":
    main()
