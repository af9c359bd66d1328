"""The check of a web hook's signature, taken from the documentation that shows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "be-told.md"

[_SHOWN] = re.findall(r"```python\n(.*?)```", _PAGE.read_text(), re.DOTALL)
_found: dict[str, Any] = {}
exec(_SHOWN, _found)  # noqa: S102  what people are shown is what is tested

is_from_the_farm: Callable[[str, dict[str, str], bytes], bool] = _found["is_from_the_farm"]
