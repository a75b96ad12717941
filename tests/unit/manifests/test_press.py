"""Pages are made beside the loop and in turns."""

from __future__ import annotations

import asyncio
from threading import Event, get_ident

from services.manifests.press import Press


async def test_the_loop_goes_on_while_a_piece_is_made() -> None:
    press, go_on = Press(), Event()
    making = asyncio.create_task(press.piece(lambda: (go_on.wait(10), get_ident())))
    await asyncio.sleep(0)
    assert not making.done()
    go_on.set()
    assert (await making)[1] != get_ident()


async def test_who_needs_many_pieces_lets_others_in_between() -> None:
    press, made = Press(), list[str]()

    async def make(name: str, pieces: int) -> None:
        for _ in range(pieces):
            await press.piece(lambda: made.append(name))

    await asyncio.gather(make("long", 10), make("short", 2))
    assert made[:4] == ["long", "short", "long", "short"]
