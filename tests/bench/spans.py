"""How long and how often things are measured."""

import msgspec

CONNECTIONS = 64


class Spans(msgspec.Struct, frozen=True):
    """`rounds`: of interleaved runs; `…_seconds`: of one run. What is asked of a short form is only that it works."""

    rounds: int = 5
    create_seconds: float = 4.0
    read_seconds: float = 3.0
    settle_rounds: int = 3
    settle_seconds: float = 8.0
    sustained_seconds: float = 60.0
    flood_seconds: float = 15.0
    relayed_orders: int = 50_000
    webhook_seconds: float = 20.0
    malformed_tries: int = 5
    starts: int = 5
    settled_orders: int = 20_000
    rebuilt_orders: int = 50_000
    few_orders: int = 10_000
    more_orders: int = 100_000
    many_orders: int = 1_000_000
    pages: int = 20
    served_orders: int = 20_000
    served_orders_of_many: int = 100_000


QUICK = Spans(
    rounds=1,
    create_seconds=1.0,
    read_seconds=1.0,
    settle_rounds=1,
    settle_seconds=2.0,
    sustained_seconds=3.0,
    flood_seconds=3.0,
    relayed_orders=5_000,
    webhook_seconds=4.0,
    malformed_tries=1,
    starts=1,
    settled_orders=1_000,
    rebuilt_orders=3_000,
    few_orders=6_000,
    more_orders=7_000,
    many_orders=12_000,
    pages=5,
    served_orders=500,
    served_orders_of_many=1_000,
)
