import copy
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flint import arb, fmpq
from hypothesis import given, strategies as st

from equivalence.claims import REGISTRY
from equivalence.evidence import Instance, recheck
from equivalence.evidence.certificate import certificate, seal, text
from equivalence.evidence.check import check
from equivalence.evidence.generated import generated_instances
from mdps import OutOfReach
from mdps.scalars.balls import precision

KNOWN = sorted({*recheck.FINITE, *recheck.LOSSES, *recheck.STEPS, *recheck.MODELS})
LEVELS = {"field": "field", "exact": "exact", "ball": "ball"}


@cache
def certificates_of(claim: str, seed: int = 0) -> tuple[dict[str, Any], ...]:
    """The certificates of a claim on its generated instances, at every level that gives one."""
    made = []
    witnesses = [Instance(make(), make.__name__) for make in REGISTRY[claim].witnesses.values()]
    for instance in [*generated_instances(REGISTRY[claim], seed=seed), *witnesses]:
        for level in LEVELS:
            try:
                made.append(certificate(claim, instance, check(REGISTRY[claim], instance, level).outcome))
            except OutOfReach:
                continue
    return tuple(made)


def accepted(document: Any) -> bool:
    try:
        recheck.check(document)
    except (recheck.Rejected, recheck.Unknown, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return False
    return True


@pytest.mark.parametrize("claim", KNOWN)
def test_honest_certificates_are_accepted_and_small(claim):
    made = certificates_of(claim)
    assert made
    for document in made:
        recheck.check(document)
        assert len(text(document)) < 5_000


def test_there_are_two_hundred_certificates_of_every_kind():
    made = [document for claim in KNOWN for document in certificates_of(claim)]
    kinds = [document["predicate"]["kind"] for document in made]
    assert len(made) >= 200
    assert set(kinds) == {"field", "exact", "ball"}
    assert {document["predicate"]["verdict"] for document in made} >= {"refuted", "proved here", "enclosed"}


def test_checking_takes_less_than_fifty_milliseconds():
    for claim in KNOWN:
        for document in certificates_of(claim):
            times = []
            for _ in range(3):
                recheck._log_near_one.cache_clear()
                started = time.process_time()
                recheck.check(document)
                times.append(time.process_time() - started)
            assert min(times) < 0.05


# Alterations ---------------------------------------------------------------------------------------------------------


def leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            yield from leaves(entry, (*path, i))
    else:
        yield path


def alterations(leaf: Any) -> Iterator[Any]:
    """Other values of a leaf: the least that one would change, and what one would like to."""
    if isinstance(leaf, bool):
        yield not leaf
    elif isinstance(leaf, int):
        yield from (leaf + 1, leaf - 1, 2 * leaf + 3)
    elif leaf.startswith("0x") or len(leaf) == 64:
        yield leaf[:-1] + ("0" if leaf[-1] != "0" else "1")
    else:
        try:
            number = Fraction(leaf)
        except ValueError:
            yield leaf + " "
            yield ""
            return
        yield str(number + 1)
        yield str(number + Fraction(1, 10**30))
        yield str(-number) if number else "1/2"


def altered(document: dict, path: tuple, value: Any) -> dict:
    """The certificate with another value of a leaf, sealed again."""
    changed = copy.deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    changed["seal"] = seal({key: value for key, value in changed.items() if key != "seal"})
    return changed


def recomputable(document: dict) -> Iterator[tuple]:
    """The leaves but those that the checker says that it cannot recompute."""
    unchecked = recheck.check(document)
    for path in leaves(document):
        name = ".".join(map(str, path))
        if path != ("seal",) and not any(
            name == f"predicate.{other}" or name == other.replace("subject.", "subject.0.") for other in unchecked
        ):
            yield path


def rejected_alterations(documents: tuple[dict, ...]) -> int:
    """How many other values of leaves there were, every one of which was rejected."""
    n = 0
    for document in documents:
        for path in recomputable(document):
            leaf = document
            for key in path:
                leaf = leaf[key]
            for value in alterations(leaf):
                if value != leaf:
                    assert not accepted(altered(document, path, value)), (path, leaf, value)
                    n += 1
    return n


def spread(documents: tuple[dict, ...]) -> tuple[dict, ...]:
    """Four certificates of each kind: steps take their time."""
    kinds = {document["predicate"]["kind"] for document in documents}
    return tuple(d for kind in kinds for d in [x for x in documents if x["predicate"]["kind"] == kind][-4:])


@pytest.mark.parametrize("claim", KNOWN)
def test_every_alteration_of_a_leaf_is_rejected(claim):
    assert rejected_alterations(spread(certificates_of(claim))) > 40


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("claim", KNOWN)
def test_every_alteration_of_many_certificates_is_rejected(claim, seed):
    assert rejected_alterations(certificates_of(claim, seed)) > 40


@pytest.mark.parametrize("claim", KNOWN)
def test_every_part_that_is_left_out_or_added_is_rejected(claim):
    for document in certificates_of(claim)[:6]:
        for part in (document["predicate"], *(x for x in document["predicate"].values() if isinstance(x, dict))):
            if part is document["predicate"]["environment"]:
                continue
            for key in [*part, "extra"]:
                value = part.pop(key, None)
                if value is None:
                    part[key] = 1
                document["seal"] = seal({k: v for k, v in document.items() if k != "seal"})
                assert not accepted(document), key
                part.pop(key, None)
                if value is not None:
                    part[key] = value
        document["seal"] = seal({k: v for k, v in document.items() if k != "seal"})
        assert accepted(document)


def test_an_alteration_that_is_not_sealed_again_breaks_the_seal():
    [document, *_] = certificates_of(KNOWN[0])
    changed = copy.deepcopy(document)
    changed["predicate"]["environment"]["python"] = "2.7"
    with pytest.raises(recheck.Rejected, match="seal"):
        recheck.check(changed)


def test_raised_bounds_are_rejected():
    [document, *_] = [x for x in certificates_of("discriminator_gradient_gap_to_gcl") if "bounds" in x["predicate"]]
    bounds = document["predicate"]["bounds"]
    for name in bounds:
        for larger in (bounds[name] + 1, bounds[name] * 2 + 10):
            assert not accepted(altered(document, ("predicate", "bounds", name), larger))


# The file alone ------------------------------------------------------------------------------------------------------


def run_alone(tmp_path: Path, *documents: Any) -> subprocess.CompletedProcess:
    """The checker as a file of its own, where nothing is installed."""
    paths = []
    for i, document in enumerate(documents):
        paths.append(tmp_path / f"{i}.json")
        paths[-1].write_text(document if isinstance(document, str) else json.dumps(document))
    alone = tmp_path / "recheck.py"
    alone.write_text(Path(recheck.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "-I", "-S", str(alone), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)


def test_the_checker_runs_without_any_package(tmp_path):
    documents = [certificates_of(claim)[0] for claim in KNOWN]
    done = run_alone(tmp_path, *documents)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("not checked: environment.") == len(KNOWN)


def test_exit_statuses(tmp_path):
    document = certificates_of("discriminator_eq_density_ratio")[0]
    wrong = altered(document, ("predicate", "attempt"), 1)
    unknown = altered(document, ("predicate", "claim"), "some_other_claim")
    assert run_alone(tmp_path, wrong).returncode == 1
    assert run_alone(tmp_path, "{").returncode == 2
    assert run_alone(tmp_path, unknown).returncode == 3
    assert run_alone(tmp_path, document, unknown, wrong).returncode == 1
    assert run_alone(tmp_path, document, unknown).returncode == 3
    assert run_alone(tmp_path).returncode == 2


# Arithmetic of the checker -------------------------------------------------------------------------------------------


@given(st.fractions(min_value=Fraction(1, 10**40), max_value=10**40))
def test_logarithms_are_enclosed(x):
    with precision(2_000):
        truth = arb(fmpq(x.numerator, x.denominator)).log() * arb(2) ** recheck.WORK
        found = recheck.log_of(x)
        assert found.low <= truth
        assert truth <= found.high
    assert found.high - found.low < 2**10


@given(st.fractions(min_value=-60, max_value=60, max_denominator=10**30))
def test_exponentials_are_enclosed(x):
    found = recheck.exp_of(recheck.Interval.of(x))
    with precision(2_000):
        truth = arb(fmpq(x.numerator, x.denominator)).exp() * arb(2) ** recheck.WORK
        assert found.low <= truth
        assert truth <= found.high
        assert found.high - found.low <= 4 + 2 * truth / arb(2) ** recheck.WORK * 4


def test_composite_numbers_have_no_chain():
    [document, *_] = [x for x in certificates_of("discriminator_eq_density_ratio") if "prime" in x["predicate"]]
    chain = document["predicate"]["prime"]["chain"]
    for i, link in enumerate(chain):
        for attempt in range(20):
            if attempt != link[1]:
                forged = altered(document, ("predicate", "prime", "chain", i, 1), attempt)
                assert not accepted(forged)


def test_a_witness_is_a_refutation_that_the_checker_evaluates():
    claim = REGISTRY["boltzmann_policy_eq_soft_policy"]
    lottery = Instance(claim.witnesses["deterministic_dynamics"](), "lottery")
    document = certificate(claim.name, lottery, "refuted")
    assert document["predicate"]["instance"]["assumptions"] == {"deterministic_dynamics": False, "undiscounted": True}
    recheck.check(document)
    assert not accepted(altered(document, ("predicate", "verdict"), "enclosed"))


def test_a_discount_in_a_message_is_rejected():
    claim = REGISTRY["message_derivative_eq_expected_derivative"]
    witness = Instance(claim.witnesses["undiscounted"](), "discounted")
    with pytest.raises(OutOfReach, match=r"does not accept .* nothing is discounted"):
        certificate(claim.name, witness, "enclosed")
