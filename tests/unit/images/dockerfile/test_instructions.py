from __future__ import annotations

import pytest

from fairlead.errors import InvalidParameter
from fairlead.images.dockerfile import instructions
from fairlead.images.dockerfile.syntax import Line


@pytest.mark.parametrize(
    ("number", "told"),
    [(3, "dockerfile parse error on line 3: unknown instruction: BOGUS"), (0, "unknown instruction: BOGUS")],
    ids=["of a file", "left by ONBUILD"],
)
def test_what_is_wrong_is_told_with_its_line_if_it_has_one(number: int, told: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        instructions.parse(Line("BOGUS", (), "x", number, "BOGUS x"), "\\")
    assert caught.value.message == told
