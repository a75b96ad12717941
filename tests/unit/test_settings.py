"""Settings that nothing starts with, each told by its name; and what a key may be."""

from __future__ import annotations

import pytest

from services.settings import SettingError, read_settings

_FINE = {"OTA_CM_DATA_DIR": "data"}


@pytest.mark.parametrize("key", ["operator-key", "k", "o_" + "9" * 200, "a/b+c=="])
def test_a_key_is_what_can_be_sent_in_a_header(key: str) -> None:
    assert read_settings({**_FINE, "OTA_CM_OPERATOR_KEY": key}).operator_key == key


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTA_CM_OPERATOR_KEY", "two words"),
        ("OTA_CM_OPERATOR_KEY", "schlüssel"),
        ("OTA_CM_OPERATOR_KEY", "line\nend"),
        ("OTA_CM_PORT", "65536"),
        ("OTA_CM_PORT", "http"),
        ("OTA_CM_RATE_LIMIT", "6000"),
        ("OTA_CM_RATE_LIMIT", "0/300"),
        ("OTA_CM_MIGRATE", "perhaps"),
        ("OTA_CM_MAX_BACKLOG_SECONDS", "-1"),
        ("OTA_CM_MAX_WALLETS", "0"),
        ("OTA_CM_PICKUP_SECONDS", "nan"),
        ("OTA_CM_PUBLIC_URL", "museum.example.com"),
        ("OTA_CM_CATALOG", "/nowhere/catalog.json"),
        ("OTA_CM_LOG_LEVEL", "loud"),
        ("OTA_CM_LOG_FORMAT", "xml"),
        ("OTA_CM_MASTER_KEY", "c2hvcnQ="),
        ("OTA_CM_WEBHOOK_RETRY_SECONDS", "5,soon"),
        ("OTA_CM_WEBHOOK_ALLOWED_NETWORKS", "10.0.0.1/8"),
    ],
)
def test_a_bad_setting_is_told_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        read_settings({**_FINE, name: value})
