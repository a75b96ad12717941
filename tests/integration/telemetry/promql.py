"""Which names a PromQL expression uses: enough of its grammar for queries that were written by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<text>"(?:\\.|[^"\\])*")
  | (?P<range>\[[^\]]*\])
  | (?P<number>\d[\w.]*)
  | (?P<word>[A-Za-z_:][\w:]*)
  | (?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){},@$])
  | (?P<space>\s+)
    """,
    re.VERBOSE,
)
_GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = _GROUPING | {"and", "or", "unless", "bool", "offset", "inf", "nan"}
_CLOSING = {"(": ")", "{": "}"}


class NotPromQL(Exception):
    """The expression cannot be read; the message says where."""


@dataclass(frozen=True)
class Names:
    """`labels`: those that are matched or grouped by."""

    metrics: frozenset[str]
    labels: frozenset[str]


def names(expression: str) -> Names:
    """Raises NotPromQL."""
    metrics, labels = set(), set()
    open_brackets: list[str] = []
    grouping = False
    tokens = _tokens(expression)
    for place, (kind, token) in enumerate(tokens):
        following = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        if token in _CLOSING:
            before = tokens[place - 1][1] if place else ""
            grouping = grouping or before in _GROUPING
            open_brackets.append(_CLOSING[token])
        elif token in _CLOSING.values():
            if not open_brackets or open_brackets.pop() != token:
                raise NotPromQL(f"{token} closes nothing: {expression}")
            grouping = False
        elif kind != "word" or (token in _WORDS and open_brackets[-1:] != ["}"]):
            continue
        elif grouping or open_brackets[-1:] == ["}"]:
            labels.add(token)
        elif following != "(" and following not in _GROUPING:
            metrics.add(token)
    if open_brackets:
        raise NotPromQL(f"{open_brackets[-1]} is missing: {expression}")
    return Names(frozenset(metrics), frozenset(labels))


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens = []
    place = 0
    while place < len(expression):
        match = _TOKEN.match(expression, place)
        if match is None:
            raise NotPromQL(f"at {place}: {expression}")
        place = match.end()
        assert match.lastgroup is not None
        if match.lastgroup != "space":
            tokens.append((match.lastgroup, match[0]))
    return tokens
