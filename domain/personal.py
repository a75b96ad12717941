"""Text about a person, or a secret: plain while a command is worked on, ciphertext everywhere at rest.

The domain never looks into it. Whoever stores an event seals these fields, whoever renders an answer opens them, and
a projection carries them from event to document unopened. The class names the field: it is part of what the
ciphertext is bound to, so that a value cannot be moved from one field to another unseen.
"""

from typing import ClassVar, Self


class SealedText:
    """One text field, either plain (from a request) or sealed (from the store); never both changed.

    `plain`: the text, or None while it is sealed. `token`: the ciphertext as stored, or None while it is only plain.
    """

    field: ClassVar[str] = ""
    bound_to: ClassVar[bytes] = b""
    """The field as the ciphertext is bound to it."""

    __slots__ = ("plain", "token")

    def __init__(self, plain: str | None = None, *, token: str | None = None) -> None:
        if plain is None and token is None:
            raise ValueError("a sealed text needs its plain text or its token")
        self.plain = plain
        self.token = token

    def __init_subclass__(cls) -> None:
        cls.bound_to = cls.field.encode()

    @classmethod
    def sealed(cls, token: str) -> Self:
        return cls(token=token)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        if self.plain is not None and other.plain is not None:
            return self.plain == other.plain
        return self.token == other.token

    def __hash__(self) -> int:
        return hash((self.field, self.plain, self.token))

    def __repr__(self) -> str:
        """Without the text: a repr ends in logs and tracebacks."""
        return f"<{type(self).__name__} {'plain' if self.plain is not None else 'sealed'}>"


class SellToName(SealedText):
    field = "sellToName"
    __slots__ = ()


class SellToEmail(SealedText):
    field = "sellToEmail"
    __slots__ = ()


class LineSellToName(SealedText):
    field = "items.sellToName"
    __slots__ = ()


class LineSellToEmail(SealedText):
    field = "items.sellToEmail"
    __slots__ = ()


class WalletName(SealedText):
    field = "items.wallet.names"
    __slots__ = ()


class SigningSecret(SealedText):
    field = "webhook.secret"
    __slots__ = ()
