"""The settings: read from the environment and the flags, checked whole before anything starts."""

from __future__ import annotations

import base64
import binascii
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal, cast
from urllib.parse import urlsplit

from infra.crash_points import CrashAt, parse_crash_at
from infra.kafka.settings import KafkaSettings
from services.kafka_settings import read_kafka_settings
from services.setting_source import SettingError as SettingError
from services.setting_source import SettingSource, existing_file
from services.trace_settings import read_traces_wanted
from services.webhooks.address_guard import Network, parse_networks
from services.webhooks.retry import CONTRACT_WAITS, parse_waits

Role = Literal["api", "relay", "projector", "issuer", "webhooks"]
LogFormat = Literal["json", "console"]

ROLES: Final[tuple[Role, ...]] = ("api", "relay", "projector", "issuer", "webhooks")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
MASTER_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many requests in so many seconds, for each key."""

    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Settings:
    """`public_url`: without a slash at its end; None: from host and port. Durations are in seconds unless named.

    `instance_is_named`: by the operator, who answers for it that no two processes have that name.
    """

    data_dir: Path
    database_url: str | None
    roles: frozenset[Role]
    host: str
    port: int | None
    reuse_port: bool
    public_url: str | None
    operator_key: str | None
    catalog: Path | None
    pickup_seconds: float
    rate_limit: RateLimit | None
    migrate: bool
    max_backlog_seconds: float
    max_wallets: int
    metrics_port: int | None
    webhook_keep_days: int
    webhook_keep_dead_days: int
    webhook_allow_http: bool
    webhook_allowed_networks: tuple[Network, ...]
    webhook_waits: tuple[float, ...]
    master_key: bytes | None
    instance: str
    log_level: str
    log_format: LogFormat
    crash_at: CrashAt | None
    kafka: KafkaSettings | None = None
    instance_is_named: bool = False
    traces: bool = False

    @property
    def is_embedded(self) -> bool:
        return self.database_url is None

    @property
    def public_path(self) -> str:
        """The path of the public URL, "" where it has none."""
        return urlsplit(self.public_url).path.rstrip("/") if self.public_url else ""


def read_settings(
    environment: Mapping[str, str], flags: Mapping[str, str] | None = None, *, terminal: bool = False
) -> Settings:
    """A flag wins over the environment. `terminal`: whether logs go to one. Raises SettingError."""
    source = SettingSource({**environment, **(flags or {})})
    kafka = read_kafka_settings(source)
    roles = source.parsed("OTA_CM_ROLES", partial(_roles, with_kafka=kafka is not None), "all")
    database_url = source.parsed("DATABASE_URL", _database_url)
    master_key = source.parsed("OTA_CM_MASTER_KEY", _master_key)
    if database_url is not None and master_key is None:
        raise SettingError("OTA_CM_MASTER_KEY: required with DATABASE_URL: 32 bytes, base64")
    return Settings(
        data_dir=Path(source.text("OTA_CM_DATA_DIR") or ".data").absolute(),
        database_url=database_url,
        roles=cast("frozenset[Role]", roles),
        host=source.text("OTA_CM_HOST") or "127.0.0.1",
        port=source.parsed("OTA_CM_PORT", _port, "8080" if roles is not None and "api" in roles else None),
        reuse_port=source.parsed("OTA_CM_REUSE_PORT", _boolean, "false") is True,
        public_url=source.parsed("OTA_CM_PUBLIC_URL", _url),
        operator_key=source.parsed("OTA_CM_OPERATOR_KEY", _key),
        catalog=source.parsed("OTA_CM_CATALOG", existing_file),
        pickup_seconds=source.number("OTA_CM_PICKUP_SECONDS", "0"),
        rate_limit=source.parsed("OTA_CM_RATE_LIMIT", _rate_limit, "6000/300"),
        migrate=source.parsed("OTA_CM_MIGRATE", _boolean, "1") is True,
        max_backlog_seconds=source.number("OTA_CM_MAX_BACKLOG_SECONDS", "120"),
        max_wallets=source.count("OTA_CM_MAX_WALLETS", "2000"),
        metrics_port=source.parsed("OTA_CM_METRICS_PORT", _port),
        webhook_keep_days=source.count("OTA_CM_WEBHOOK_KEEP_DAYS", "30"),
        webhook_keep_dead_days=source.count("OTA_CM_WEBHOOK_KEEP_DEAD_DAYS", "90"),
        webhook_allow_http=source.parsed("OTA_CM_WEBHOOK_ALLOW_HTTP", _boolean, "false") is True,
        webhook_allowed_networks=source.parsed("OTA_CM_WEBHOOK_ALLOWED_NETWORKS", parse_networks) or (),
        webhook_waits=source.parsed("OTA_CM_WEBHOOK_RETRY_SECONDS", parse_waits) or CONTRACT_WAITS,
        master_key=master_key,
        instance=source.text("OTA_CM_INSTANCE") or f"{socket.gethostname()}-{'-'.join(sorted(roles or ()))}",
        log_level=source.choice("OTA_CM_LOG_LEVEL", LOG_LEVELS, "info"),
        log_format=cast(
            "LogFormat", source.choice("OTA_CM_LOG_FORMAT", ("json", "console"), "console" if terminal else "json")
        ),
        crash_at=source.parsed("OTA_CM_CRASH_AT", parse_crash_at),
        kafka=kafka,
        instance_is_named=source.text("OTA_CM_INSTANCE") is not None,
        traces=read_traces_wanted(source),
    )


def _roles(text: str, *, with_kafka: bool) -> frozenset[str]:
    if text == "all":
        # The relay has nothing to do without Kafka.
        return frozenset(ROLES) if with_kafka else frozenset(ROLES) - {"relay"}
    named = frozenset(part.strip() for part in text.split(",") if part.strip())
    unknown = sorted(named - set(ROLES))
    if unknown or not named:
        raise ValueError(f"`all`, or any of {', '.join(ROLES)}, comma-separated; not {', '.join(unknown) or 'empty'}")
    if "relay" in named and not with_kafka:
        raise ValueError("the role relay needs Kafka: set KAFKA_BOOTSTRAP_SERVERS")
    return named


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError("a port, 0 to 65535")
    return int(text)


def _boolean(text: str) -> bool:
    known = {"1": True, "true": True, "0": False, "false": False}
    if text.lower() not in known:
        raise ValueError("true or false")
    return known[text.lower()]


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("an http or https URL without query, such as https://tickets.example.com/venue")
    return text.rstrip("/")


def _database_url(text: str) -> str:
    if urlsplit(text).scheme not in {"postgresql", "postgres"}:
        raise ValueError("a URL such as postgresql://user:password@host/database")
    return text


def _key(text: str) -> str:
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("letters, digits and signs of ASCII without a space: it is sent in a header")
    return text


def _rate_limit(text: str) -> RateLimit | None:
    if text.lower() == "off":
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})", text)
    if match is None:
        raise ValueError("requests/seconds such as 6000/300, or off")
    return RateLimit(int(match[1]), int(match[2]))


def _master_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise ValueError(f"{MASTER_KEY_BYTES} bytes, base64")
    return key
