"""A round's history held against the sequential model, reference by reference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from tests.chaos.history import Call, by_reference
from tests.chaos.linearizability import Misfit, misfit
from tests.chaos.order_model import FREE, Reference, after, changes


def faults_of_order(calls: Sequence[Call]) -> Iterator[str]:
    """The references whose calls fit no order of them."""
    for reference, of_reference in by_reference(calls).items():
        found = misfit(once_each(of_reference), FREE, after, changes)
        if found is not None:
            yield f"{reference}: {_text(found)}"


def once_each(calls: Sequence[Call]) -> list[Call]:
    """What the model can tell: calls that may have taken place, all attempts under one Idempotency-Key as one.

    At most one attempt under a key takes effect. Where that one was answered, it is the one; where only a repeat was
    answered, by the first answer again, it may have been any attempt from the first one's start on.
    """
    single: list[Call] = []
    by_key: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.outcome == "nothing" or call.code == "validation_failed":
            continue
        if call.key:
            by_key[call.key].append(call)
        else:
            single.append(call)
    for attempts in by_key.values():
        accepted = [call for call in attempts if call.outcome == "accepted" and call.told is not None]
        first = [call for call in accepted if call.told is not None and not call.told.replayed]
        single += [call for call in attempts if call.outcome == "refused"]
        if first:
            single += first
        elif accepted:
            began = min(call.invoked for call in attempts)
            single.append(msgspec.structs.replace(accepted[0], invoked=began))
        else:
            single += [call for call in attempts if call.outcome == "unknown"]
    return single


def _text(found: Misfit[Reference]) -> str:
    kind = "fits no order" if found.decided else "undecided, too many orders are possible"
    fitted = "\n".join(f"      {_line(call)}" for call in found.fitted[-8:])
    unfitted = "\n".join(f"      {_line(call)}" for call in found.unfitted)
    return f"{kind}; after\n{fitted}\n    it is {found.state}, and none of these can come next:\n{unfitted}"


def _line(call: Call) -> str:
    until = "…" if call.answered is None else f"{call.answered:.3f}"
    what = f"{call.operation} {call.order_id[-4:]} {call.asked or ''}"
    meant = f" if v{call.if_match}" if call.if_match else ""
    told = call.told
    answer = "?" if told is None else f"{call.code} {told.status} v{told.version} {told.content or ''}"
    return f"{call.invoked:.3f} to {until} {call.client}@{call.service} {what}{meant} → {call.outcome} {answer}"
