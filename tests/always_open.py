"""A catalog for tests whose subject is something else: of the sample's items those that any number can buy, any day."""

from pathlib import Path
from typing import Final

ALWAYS_OPEN: Final = Path(__file__).with_name("always_open.json")
