"""Orders created as fast as the service takes them, and waited for until the last has settled and been announced."""

import msgspec

from tests.bench.announced import Receiver
from tests.bench.load_result import LoadResult
from tests.bench.processes import Server, run_load
from tests.bench.spans import CONNECTIONS
from tests.bench.table import Row, plain
from tests.bench.venue import Venue

_CPU_GOAL_US = 1000
_CREATED_ONLY = {"201"}


class Settled(msgspec.Struct, frozen=True):
    """`seconds`: from the first POST until the last order had settled; `announced_seconds`: until its webhook came.

    `cpu`: seconds by process of the service, PostgreSQL's as one; the two of the bench beside it are not in it.
    """

    orders: int
    seconds: float
    announced_seconds: float
    cpu: dict[str, float]
    receiver_cpu: float
    load: LoadResult

    @property
    def per_second(self) -> float:
        return self.orders / self.seconds


def settle(venue: Venue, receiver: Server, seconds: float) -> Settled:
    """Closed loop for some seconds, then waiting until nothing is in flight and all was announced.

    A backlog that was built up meanwhile counts against the throughput: its orders' time counts too.
    """
    announced = Receiver(receiver)
    orders_before, cpu_before, receiver_before = announced.orders(), venue.cpu_seconds(), receiver.cpu_seconds()
    length = ("--warm-up", "0", "--seconds", str(seconds), "--connections", str(CONNECTIONS))
    load = run_load("create", *venue.load_arguments, *length, expected=_CREATED_ONLY)
    orders = load.all_status["201"]
    settled_ns = venue.wait_until_settled(120)
    announced_ns = announced.wait_for_orders(orders_before + orders, 60)
    cpu = venue.cpu_seconds()
    return Settled(
        orders=orders,
        seconds=(settled_ns - load.first_sent_ns) / 1e9,
        announced_seconds=(announced_ns - load.first_sent_ns) / 1e9,
        cpu={name: cpu[name] - cpu_before[name] for name in cpu},
        receiver_cpu=receiver.cpu_seconds() - receiver_before,
        load=load,
    )


def cpu_rows(setting: str, runs: list[Settled]) -> list[Row]:
    """What an order costs by process; the sum is the service's and PostgreSQL's, without the bench's own two."""
    unit = "us/order"

    def an_order(name: str) -> list[float]:
        return [run.cpu[name] / run.orders * 1e6 for run in runs]

    whole = [sum(run.cpu.values()) / run.orders * 1e6 for run in runs]
    return [
        *(plain(f"CPU an order, {setting}: {_shown(name)}", an_order(name), unit) for name in runs[0].cpu),
        plain(f"CPU an order, {setting}: all processes (goal <= {_CPU_GOAL_US:,})", whole, unit),
        plain(f"CPU an order, {setting}: load generator", [_load_us(run) for run in runs], unit),
        plain(
            f"CPU an order, {setting}: webhook receiver", [run.receiver_cpu / run.orders * 1e6 for run in runs], unit
        ),
    ]


def _shown(process: str) -> str:
    return "the service" if process == "all" else process


def _load_us(run: Settled) -> float:
    return run.load.cpu_seconds / run.load.answers * 1e6
