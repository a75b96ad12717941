"""Manifests as a page: HTML that needs nothing else, no script, no font, no picture from elsewhere.

Whatever a partner wrote is text in it: everything is escaped, and the page's own policy lets nothing run.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from services.manifests.qr_code import qr_code

if TYPE_CHECKING:
    from services.manifests.contents import Manifest
    from services.manifests.texts import Texts

STYLE: Final = (files("services.manifests") / "templates" / "style.css").read_text(encoding="utf-8")

CONTENT_TYPE: Final = "text/html; charset=utf-8"
POLICY: Final = (
    "default-src 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

AT_ONCE: Final = 1000
"""Pieces of the page that are made in one go: of some twenty tickets, a twentieth of a second of work."""

_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("services.manifests"),
    autoescape=True,
    auto_reload=False,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

# All of them now: one that another extends would be read and compiled at the first guest, on the event loop.
for _name in _ENVIRONMENT.list_templates(extensions=["html"]):
    _ = _ENVIRONMENT.get_template(_name)

_MANIFEST: Final = _ENVIRONMENT.get_template("manifest.html")
_TOLD: Final = _ENVIRONMENT.get_template("told.html")


class Page:
    """The page of a manifest, made a few tickets at a time. `token`: by which it was asked for."""

    def __init__(self, manifest: Manifest, token: str) -> None:
        self._pieces = _MANIFEST.generate(
            manifest=manifest, texts=manifest.texts, style=STYLE, print_address=f"{token}.pdf", qr_code=qr_code
        )

    def some(self) -> bytes:
        """The next part of the page in UTF-8, b"" at its end. Raises SealBroken."""
        return "".join(islice(self._pieces, AT_ONCE)).encode()


def told(texts: Texts, title: str, text: str) -> bytes:
    """A page that says why there are no tickets on it."""
    return _TOLD.render(texts=texts, title=title, text=text, style=STYLE).encode()
