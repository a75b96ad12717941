"""The secrets of a deployment: from the settings, or generated once into the data folder with mode 600."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from domain.api_key import KEY_RANDOM_BYTES, key_hash, key_text
from infra.crash_points import CrashPoint, reached
from infra.event_store.field_encryption import KEY_BYTES, KeyRing
from services.settings import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.settings import Settings

MASTER_KEY_FILE = "master.key"
OPERATOR_KEY_FILE = "operator.key"


@dataclass(frozen=True, slots=True)
class Secrets:
    """`operator_key_hash`: None where the settings give no key. `new_operator_key`: made just now, to be shown once."""

    key_ring: KeyRing
    idempotency: bytes
    issuance: bytes
    manifests: bytes
    operator_key_hash: str | None
    new_operator_key: str | None


def load_secrets(settings: Settings) -> Secrets:
    """Read them, or make them. Raises SettingError where a file of ours is damaged or cannot be read."""
    master = _master_key(settings)
    operator_key, made = settings.operator_key, False
    if operator_key is None and settings.is_embedded:
        operator_key, made = _kept(
            settings.data_dir / OPERATOR_KEY_FILE, lambda: key_text("operator", os.urandom(KEY_RANDOM_BYTES))
        )
    return Secrets(
        key_ring=key_ring(master),
        idempotency=_derived(master, b"idempotency"),
        issuance=_derived(master, b"issuance"),
        manifests=_derived(master, b"manifests"),
        operator_key_hash=key_hash(operator_key) if operator_key is not None else None,
        new_operator_key=operator_key if made else None,
    )


def load_key_ring(settings: Settings) -> KeyRing:
    """The master key alone, read or made: for commands, which leave it to the service to make the operator's key.

    Raises SettingError as `load_secrets` does.
    """
    return key_ring(_master_key(settings))


def key_ring(master: bytes) -> KeyRing:
    """The master key names itself by its hash, so that a wrong one is noticed before it opens anything."""
    key_id = sha256(b"ota-cm master key" + master).hexdigest()[:12]
    return KeyRing({key_id: master}, key_id)


def read_master_key(settings: Settings) -> bytes | None:
    """The master key where there is one; none is made. Raises SettingError where its file is damaged or closed."""
    if settings.master_key is not None:
        return settings.master_key
    path = settings.data_dir / MASTER_KEY_FILE
    try:
        return _decoded(settings, path.read_text().strip())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingError(f"{path}: {error.strerror}") from error


def _master_key(settings: Settings) -> bytes:
    if settings.master_key is not None:
        return settings.master_key
    text, _ = _kept(settings.data_dir / MASTER_KEY_FILE, lambda: base64.b64encode(os.urandom(KEY_BYTES)).decode())
    return _decoded(settings, text)


def _decoded(settings: Settings, text: str) -> bytes:
    try:
        master = base64.b64decode(text, validate=True)
    except binascii.Error:
        master = b""
    if len(master) != KEY_BYTES:
        raise SettingError(f"{settings.data_dir / MASTER_KEY_FILE} is damaged: it must hold 32 bytes, base64")
    return master


def _derived(master: bytes, purpose: bytes) -> bytes:
    return hmac.digest(master, b"ota-cm " + purpose, "sha256")


def _kept(path: Path, make: Callable[[], str]) -> tuple[str, bool]:
    """The file's text, and whether it was made just now: whole or not at all, however many processes start at once."""
    try:
        with suppress(FileNotFoundError):
            return path.read_text().strip(), False
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(make() + "\n")
                file.flush()
                os.fsync(file.fileno())
            reached(CrashPoint.SECRET_DRAFTED)
            os.link(draft, path)  # unlike a rename, it never replaces what another process has just made
            return path.read_text().strip(), True
        except FileExistsError:
            return path.read_text().strip(), False
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise SettingError(f"{path}: {error.strerror}") from error
