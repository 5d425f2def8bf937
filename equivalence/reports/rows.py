"""Verdicts and claims as JSON: the keys are documented in README.md and stay.

A number that JSON cannot hold (an infinite margin) is null, like one that is not there.
"""

import json
import math
from collections.abc import Iterable
from typing import Any

from equivalence.claims import Claim
from equivalence.evidence.verdict import Verdict


def verdicts_as_json(verdicts: Iterable[Verdict]) -> str:
    """A list of objects, one a claim, instance and level."""
    return _written([verdict.as_json() for verdict in verdicts])


def claims_as_json(claims: Iterable[Claim]) -> str:
    """A list of objects, one a claim."""
    return _written(
        [
            {
                "catalogue": claim.catalogue,
                "claim": claim.name,
                "title": claim.title,
                "family": claim.family,
                "arguments": list(claim.arguments),
                "holes": list(claim.holes),
                "assumes": [assumption.name for assumption in claim.assumes],
                "source": claim.source,
                "known_false": claim.known_false,
            }
            for claim in claims
        ]
    )


def _written(rows: list[dict[str, Any]]) -> str:
    return json.dumps([{key: _value(x) for key, x in row.items()} for row in rows], indent=2, allow_nan=False)


def _value(x: Any) -> Any:
    return None if isinstance(x, float) and not math.isfinite(x) else x
