"""How Kafka stands, for the report on the service; not asked again and again while it is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from infra.kafka.errors import KafkaRefused, KafkaUnavailable
from infra.kafka.group_figures import GroupFigures, group_figures

if TYPE_CHECKING:
    from infra.kafka.settings import KafkaSettings

AGAIN_SECONDS: Final = 5.0


class KafkaStanding:
    """Of the group and the topics in the settings. `seconds`: how long an answer is waited for. `patience`: for so long
    a silence is nothing to tell of: an answer may be late once.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        seconds: float,
        patience: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._seconds = seconds
        self._patience = patience
        self._known: GroupFigures | None = None
        self._why = ""
        self._failed_at = float("-inf")
        self._silent_since: float | None = None

    async def look(self) -> GroupFigures | str | None:
        """The figures, or why there are none; None, or those of before, where that is not worth telling yet."""
        if self._clock() - self._failed_at >= AGAIN_SECONDS:
            try:
                self._known = await group_figures(self._settings, self._seconds)
            except (KafkaUnavailable, KafkaRefused) as error:
                self._why, self._failed_at = str(error), self._clock()
                self._silent_since = self._failed_at if self._silent_since is None else self._silent_since
            else:
                self._silent_since = None
        if self._silent_since is not None and self._clock() - self._silent_since >= self._patience:
            return self._why
        return self._known
