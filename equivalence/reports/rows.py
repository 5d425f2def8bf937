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


def targets_as_json(targets: Iterable[Any]) -> str:
    """A list of objects, one a target of the judge (`equivalence.testing.Target`)."""
    return _written(
        [
            {
                "target": target.name,
                "signature": target.signature,
                "arguments": [{"name": name, "axes": named_axes(target.argument_axes(name))} for name in target.passed],
                "returns": [{"name": name, "axes": named_axes(axes)} for name, axes in target.parts],
                "options": target_options(target),
                "meaning": target.meaning,
            }
            for target in targets
        ]
    )


def judgement_as_json(verdict: Any) -> str:
    """One object: the verdict of the judge on a function (`equivalence.testing.Verdict`)."""
    return json.dumps({key: _value(x) for key, x in verdict.as_json().items()}, indent=2, allow_nan=False)


def target_options(target: Any) -> list[str]:
    """The options that say what a function of a target takes and returns, beyond its signature.

    >>> from equivalence.testing import TARGETS
    >>> target_options(TARGETS["marginals"]), target_options(TARGETS["ebm.law"])
    (['policy_axes', 'transition_axes', 'logs'], [])
    """
    return list(target.options)


def named_axes(letters: str | None) -> list[str]:
    """The axes of an array by name; none for a number."""
    return [{"x": "s'", "h": "t", "p": "x"}.get(letter, letter) for letter in letters or ""]


def _written(rows: list[dict[str, Any]]) -> str:
    return json.dumps([{key: _value(x) for key, x in row.items()} for row in rows], indent=2, allow_nan=False)


def _value(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: _value(part) for key, part in x.items()}
    return None if isinstance(x, float) and not math.isfinite(x) else x
