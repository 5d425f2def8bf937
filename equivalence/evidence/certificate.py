"""Certificates: verdicts that somebody else can check again without this library.

A certificate is a JSON document in the layout of an in-toto Statement, below 5 kB, sealed with the SHA-256 of its
content. `recheck.py`, a single file on the standard library alone, evaluates both sides again with formulas of its own.
Only what it has formulas for becomes a certificate.

| kind    | verdicts                 | carries                                                                      |
|---------|--------------------------|------------------------------------------------------------------------------|
| `field` | `proved for all`         | what was fixed, the prime with its proof, bounds, a digest of the evaluation |
| `exact` | `refuted`, `proved here` | the instance in exact numbers, both sides in exact numbers                   |
| `ball`  | `enclosed`               | the instance in exact numbers, both sides to 2^-128                           |

Bounds of degree and size are those of the family in closed form, which the checker recomputes; those that were tracked
through the code that ran stay in the verdict.
Source: in-toto.
"""

import hashlib
import json
import platform
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import numpy as np
from flint import arb, fmpq

from equivalence.claims import REGISTRY, Claim
from equivalence.evidence import recheck
from equivalence.evidence.balls import enclose
from equivalence.evidence.field import evaluated_at_point, source_digest
from equivalence.evidence.instance import Instance
from equivalence.evidence.sides import flat_sides
from equivalence.evidence.verdict import ENCLOSED, PROVED_FOR_ALL, PROVED_HERE, REFUTED
from mdps import OutOfReach, scalars
from mdps.scalars.balls import precision
from mdps.scalars.field import LogField

LARGEST = 5_000  # bytes
DIGITS = 128
CONDITIONS = {
    "optimal_normalizer": "optimal",
    "normalizer_is_partition": "partition",
    "sampler_is_model": "sampler",
    "data_is_model": "data",
}


def certificate(claim_name: str, instance: Instance, outcome: str) -> dict[str, Any]:
    """The certificate of a verdict.

    Errors: `OutOfReach` where the checker has no formula for the claim at this level, or it would be too large.
    """
    kind = {PROVED_FOR_ALL: "field", PROVED_HERE: "exact", REFUTED: "exact", ENCLOSED: "ball"}.get(outcome)
    claim = REGISTRY[claim_name]
    known = {
        "field": {*recheck.FINITE, *recheck.LOSSES, *recheck.STEPS},
        "exact": {*recheck.FINITE},
        "ball": {*recheck.LOSSES, *recheck.STEPS, *recheck.MODELS},
    }
    if outcome == REFUTED and claim_name in recheck.MODELS:
        kind = "ball"  # two intervals that are apart
    if kind is None or claim_name not in known[kind]:
        raise OutOfReach(f"the checker has no formula for {claim_name} where the verdict is '{outcome}'")
    make: dict[str, Callable[[Claim, Instance], dict[str, Any]]] = {"field": _field, "exact": _exact, "ball": _ball}
    predicate = {
        "kind": kind,
        "claim": claim_name,
        "verdict": outcome,
        **make[kind](claim, instance.meeting(claim)),
        "does_not_establish": recheck.LIMITS[kind],
        "environment": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "python-flint": flint.__version__,
        },
    }
    body = {
        "_type": recheck.STATEMENT,
        "subject": [{"name": "irl-equivalence", "digest": {"sha256": source_digest()}}],
        "predicateType": recheck.PREDICATE,
        "predicate": predicate,
    }
    sealed = {**body, "seal": seal(body)}
    size = len(text(sealed))
    if size > LARGEST:
        raise OutOfReach(f"the certificate of {claim_name} would have {size:,} bytes; at most {LARGEST:,} are written")
    try:
        recheck.check(sealed)
    except recheck.Rejected as reason:  # a prime that is too short for bounds in closed form, say
        raise OutOfReach(f"the checker does not accept the certificate of {claim_name}: {reason}") from None
    return sealed


def text(certificate: dict[str, Any]) -> str:
    """The certificate as it is written to a file."""
    return json.dumps(certificate, sort_keys=True, indent=1)


def seal(body: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of everything but the seal."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _field(claim: Claim, instance: Instance) -> dict[str, Any]:
    statement, attempt, field, lhs = evaluated_at_point(claim, instance)
    prime = field.prime
    entries = [_evaluation(x) for x in lhs]
    canonical = json.dumps(entries, separators=(",", ":")).encode()
    bits = prime.value.bit_length()
    degree, size = recheck.bounds(claim.name, statement)
    return {
        "statement": statement,
        "attempt": attempt,
        "prime": {"bits": bits, "value": hex(prime.value), "chain": [list(link) for link in prime.chain]},
        "bounds": {
            "degree": degree,
            "log2_size": size,
            "log2_error": recheck.log2_error(degree, size, bits, prime.entropy, prime.value),
        },
        "evaluations": {"entries": len(entries), "digest": hashlib.sha256(canonical).hexdigest()},
    }


def _evaluation(x: Any) -> Any:
    """A field number as its value, a sum of logarithms as its atoms and coefficients."""
    if not isinstance(x, LogField):
        return hex(int(x.value))
    terms = []
    for atom, coefficient in x.terms.values():
        value = int((x.field.constant(0) + coefficient).value)
        if value:
            terms.append([hex(int(atom.value)), hex(value)])
    return sorted(terms)


def _numbers(claim: Claim, instance: Instance) -> dict[str, Any]:
    """A space in exact numbers: weights e^-E, distributions, the normalizer, and which assumptions hold."""
    values = instance.at("exact", claim.arguments)
    numbers: dict[str, Any] = {}
    for name in claim.arguments:
        array = np.asarray(values[name], dtype=object)
        if name == "energy":
            numbers["weights"] = [str(x) for x in scalars.exp(-array)]
        elif name == "log_normalizer":
            numbers["normalizer"] = str(scalars.exp(array))
        elif name == "noise_ratio":
            numbers[name] = str(array[()])
        else:
            numbers[name] = [str(fmpq(x)) for x in array]
    numbers["totals"] = _totals({"weights": numbers["weights"]})
    numbers["assumptions"] = {CONDITIONS[needed.name]: needed(instance.values) for needed in claim.assumes}
    return numbers


def _exact(claim: Claim, instance: Instance) -> dict[str, Any]:
    numbers = _numbers(claim, instance)
    lhs, rhs, _ = flat_sides(claim(instance.at("exact", claim.arguments)))
    return {"instance": numbers, "lhs": [str(x) for x in lhs], "rhs": [str(x) for x in rhs]}


def _step_numbers(claim: Claim, instance: Instance) -> dict[str, Any]:
    """A model and what moves in one step of it, in exact numbers; rewards and continuations by their weights."""
    values = instance.at("exact", claim.arguments)
    numbers: dict[str, Any] = {
        "shape": list(np.shape(values["reward"])),
        "temperature": str(fmpq(values["temperature"])),
    }
    for name in claim.arguments:
        if name == "mdp":
            transition = values[name].transition.astype(str).tolist()
            numbers[name] = {"transition": transition, "discount": str(values[name].discount)}
        elif name != "temperature":
            array = np.asarray(values[name], dtype=object)
            numbers[name] = [str(x) for x in (scalars.exp(array) if name in ("reward", "continuation") else array).flat]
    tables = {name: table for name, table in numbers.items() if isinstance(table, list) and name != "shape"}
    others = {
        "transition": list(values["mdp"].transition.ravel().astype(str)),
        "discount": [numbers["mdp"]["discount"]],
        "temperature": [numbers["temperature"]],
    }
    return {**numbers, "totals": _totals({**tables, **others})}


def _model_numbers(claim: Claim, instance: Instance) -> dict[str, Any]:
    """A model, its reward and what else the claim is about, in exact numbers, rewards and values by their weights."""
    values = instance.at("exact", claim.arguments)
    mdp, names = values["mdp"], recheck.MODELS[claim.name][0]

    def weights(name: str) -> list[str]:
        return [str(x) for x in scalars.exp(np.atleast_1d(np.asarray(values[name], dtype=object))).flat]

    model = {
        "transition": mdp.transition.astype(str).tolist(),
        "initial": mdp.initial.astype(str).tolist(),
        "discount": str(mdp.discount),
        "horizon": mdp.horizon,
        "final_weights": [str(x) for x in scalars.exp(mdp.final_value)],
    }
    temperature, tables = str(fmpq(values["temperature"])), {name: weights(name) for name in ("reward", *names)}
    totals = {
        "transition": list(mdp.transition.ravel().astype(str)),
        "initial": model["initial"],
        "final_weights": model["final_weights"],
        "discount": [model["discount"]],
        "temperature": [temperature],
        **tables,
    }
    return {
        "mdp": model,
        "temperature": temperature,
        "shape": list(np.shape(values["reward"])),
        **tables,
        "assumptions": {needed.name: needed(instance.values) for needed in claim.assumes},
        "totals": _totals(totals),
    }


def _totals(tables: dict[str, list[str]]) -> dict[str, str]:
    return {name: str(sum(map(Fraction, table))) for name, table in tables.items()}


def _ball(claim: Claim, instance: Instance) -> dict[str, Any]:
    numbers_of = _step_numbers if claim.name in recheck.STEPS else _numbers
    numbers = (_model_numbers if claim.name in recheck.MODELS else numbers_of)(claim, instance)
    bits = 4 * DIGITS
    _, sides = enclose(claim, instance, bits)
    with precision(bits):
        lhs, rhs = ([str(_units(arb(x))) for x in side] for side in (sides.lhs, sides.rhs))
    return {"instance": numbers, "digits": DIGITS, "lhs": lhs, "rhs": rhs}


def _units(x: arb) -> int:
    """x in units of 2^-128, rounded down behind an offset."""
    whole = (
        (x * arb(2) ** DIGITS + arb(fmpq(recheck.OFFSET.numerator, recheck.OFFSET.denominator))).floor().unique_fmpz()
    )
    if whole is None:
        raise OutOfReach(f"{x} is too close to the end of a unit of 2^-{DIGITS} to tell its digits")
    return int(whole)
