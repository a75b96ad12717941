"""An event's leaf in the audit log, against answers made with sha256sum and openssl."""

from datetime import UTC, datetime
from uuid import UUID

from infra.event_store.leaf import entry, leaf_hash
from infra.event_store.recorder import LogRow

ROW = LogRow(
    stream=UUID("019a0000-0000-7000-8000-000000000001"),
    position=42,
    version=3,
    topic="order.submitted.v1",
    state=b'{"metadata":{},"data":{}}',
    recorded_at=datetime(2026, 11, 23, tzinfo=UTC),
)

# printf '{"metadata":{},"data":{}}' | sha256sum
STATE_DIGEST = "dab2efbff4d2c6a384ad4d9d59a6a02609ab26e915025231351b31f48f095492"

# printf '\0ota-cm/1 42 … (the entry)\n' | openssl dgst -sha256 -binary | base64
LEAF_HASH = "/RLA584yF6LemMmJnoC+IkERz/q8sQ3QNPjmE5jWfCE="


def test_the_entry_is_one_line_of_the_contract() -> None:
    line = f"ota-cm/1 42 019a0000-0000-7000-8000-000000000001 3 order.submitted.v1 {STATE_DIGEST}\n"
    assert entry(ROW) == line.encode("ascii")


def test_the_hash_is_the_rfc_6962_leaf_hash_of_the_entry() -> None:
    assert leaf_hash(ROW) == LEAF_HASH


def test_the_moment_of_recording_is_not_part_of_it() -> None:
    assert leaf_hash(ROW._replace(recorded_at=datetime(2027, 1, 1, tzinfo=UTC))) == LEAF_HASH
