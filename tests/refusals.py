"""What is not a number, and what a good refusal is."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

HALF = Fraction(1, 2)

# A value that holds something else than numbers, and what the message says of it.
NOT_NUMBERS: dict[str, tuple[Any, str]] = {
    "text": ("uniform", "dtype <U7; expected numbers"),
    "texts": (["a", "b"], "dtype <U1; expected numbers"),
    "ragged": ([[1.0, 2.0], [3.0]], "not a rectangular array"),
    "None": (None, "None (NoneType) is not a real number"),
    "holding None": ([None, 1.0], "None (NoneType) is not a real number"),
    "complex numbers": (np.zeros(2, dtype=complex), "dtype complex128; expected numbers"),
    "a complex number": (np.array([1j, HALF]), "1j (complex) is not a real number"),
    "truth values": (np.array([True, False]), "dtype bool; expected numbers"),
    "a truth value": (np.array([True, HALF]), "True (bool) is not a real number"),
    "mapping": ({0: 1.0}, "{0: 1.0} (dict) is not a real number"),
}


def assert_refuses(call: Callable[[], Any], error: type[Exception], *fragments: str) -> None:
    """The call raises this error, and its one-line message has all the fragments."""
    with pytest.raises(error) as raised:
        call()
    message = str(raised.value)
    assert type(raised.value) is error, f"{type(raised.value).__name__}: {message}"
    assert "\n" not in message, message
    for fragment in fragments:
        assert fragment in message, f"expected {fragment!r} in {message!r}"
