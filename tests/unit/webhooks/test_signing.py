"""Known answers of signing."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from services.webhooks.signing import BadSecret, signed_headers, signers, signing_secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BODY = b'{"test": 2432232314}'
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_the_known_answer_of_the_specification() -> None:
    # The example of the Standard Webhooks reference implementations.
    assert signed_headers(MESSAGE, 1614265330, BODY, signers([SECRET])) == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("body", [b"", BODY, '{"name": "Jåne 🎟"}'.encode(), b"x" * 10_000])
@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_it_is_the_hmac_that_the_specification_names(body: bytes, secret: str) -> None:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join([MESSAGE.encode(), b"1800000000", body])
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert signed_headers(MESSAGE, 1_800_000_000, body, signers([secret]))["webhook-signature"] == expected


def test_headers_are_verified_by_the_library() -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = signed_headers(MESSAGE, now, BODY, signers([SECRET]))
    assert set(headers) == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert headers["webhook-id"] == MESSAGE
    assert headers["webhook-timestamp"] == str(now)
    assert Webhook(SECRET).verify(BODY, headers) == {"test": 2432232314}


def test_while_a_secret_is_rotated_both_verify() -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = signed_headers(MESSAGE, now, BODY, signers([OTHER, SECRET]))
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (OTHER, SECRET):
        assert Webhook(secret).verify(BODY, headers) == {"test": 2432232314}


def test_a_new_secret_is_one_that_the_library_takes() -> None:
    secret = signing_secret(bytes(range(32)))
    assert secret.startswith("whsec_")
    assert base64.b64decode(secret.removeprefix("whsec_")) == bytes(range(32))
    assert len(signers([secret])) == 1
    with pytest.raises(ValueError, match="24 to 64"):
        signing_secret(b"short")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_a"])
def test_a_bad_secret_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(BadSecret, match=r"^a signing secret is not whsec_ and base64$"):
        signers([secret])
