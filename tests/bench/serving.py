"""What the bench's own small servers have in common: the line that says ready, and the end by signal."""

import asyncio
import signal


async def serve_until_stopped(port: int) -> None:
    """Prints `ready on http://127.0.0.1:<port>` and waits for SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    print(f"ready on http://127.0.0.1:{port}", flush=True)
    await stopped.wait()
