"""A page key names where the next page begins, and nothing else passes for one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from projections.page_key import (
    NewestKey,
    PageKeyInvalid,
    changed_key,
    newest_key,
    parse_changed_key,
    parse_newest_key,
)

_MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(_MOMENTS, st.uuids())
@example(datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
def test_the_key_of_a_newest_first_page_comes_back_as_it_was(received_at: datetime, order_id: UUID) -> None:
    key = newest_key(NewestKey(received_at, order_id))
    assert parse_newest_key(key) == (received_at, order_id)
    assert key.isascii()
    assert "=" not in key
    with pytest.raises(PageKeyInvalid):
        parse_changed_key(key)


@given(st.integers(0, 2**63 - 1))
def test_the_key_of_a_page_of_changes_comes_back_as_it_was(row_version: int) -> None:
    key = changed_key(row_version)
    assert parse_changed_key(key) == row_version
    with pytest.raises(PageKeyInvalid):
        parse_newest_key(key)


@given(st.text(min_size=1))
@example("\udcff")
@example("AW4=")
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(PageKeyInvalid):
        parse_newest_key(text)
    with pytest.raises(PageKeyInvalid):
        parse_changed_key(text)
