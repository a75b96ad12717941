"""What a picture of a ticket shows to a scanner; and the pages of a PDF as pictures."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pypdfium2
import zxingcpp
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator


def codes_in(picture: Image.Image | bytes) -> list[str]:
    """The texts of the QR codes in it (a PNG, where it is bytes), from the top."""
    image = Image.open(BytesIO(picture)) if isinstance(picture, bytes) else picture
    found = zxingcpp.read_barcodes(image.convert("L"))
    assert all(code.format == zxingcpp.BarcodeFormat.QRCode for code in found)
    return [code.text for code in sorted(found, key=lambda code: code.position.top_left.y)]


def pages_of(pdf: bytes) -> Iterator[Image.Image]:
    """Each page at 100 dots an inch."""
    for page in pypdfium2.PdfDocument(pdf):
        yield page.render(scale=100 / 72).to_pil()


def codes_of(pdf: bytes) -> list[list[str]]:
    """The texts of the QR codes on each page."""
    return [codes_in(page) for page in pages_of(pdf)]


def texts_of(pdf: bytes) -> list[str]:
    """What can be copied from each page, as one line."""
    return [" ".join(page.get_textpage().get_text_range().split()) for page in pypdfium2.PdfDocument(pdf)]
