"""What is written in options is read as a user means it, or refused with the reason."""

import pytest

from equivalence.claims import REGISTRY
from equivalence.cli.options import (
    chosen_claims,
    chosen_levels,
    environment_arguments,
    environment_id,
    literal,
)
from equivalence.evidence import LEVELS, NUMERIC_LEVELS
from mdps import InvalidArgument


@pytest.mark.parametrize(
    "text, value",
    [
        ("true", True),
        ("True", True),
        ("false", False),
        ("False", False),
        ("null", None),
        ("None", None),
        ("4", 4),
        ("0.5", 0.5),
        ("-1e-3", -1e-3),
        ("4x4", "4x4"),
        ('"4"', "4"),
        ('["SF", "FG"]', ["SF", "FG"]),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_literals(text, value):
    assert literal(text) == value
    assert type(literal(text)) is type(value)
    assert environment_arguments([f"key={text}"]) == {"key": value}


@pytest.mark.parametrize(
    "given, message",
    [
        (["is_slippery"], "expected KEY=VALUE"),
        (["=3"], "expected KEY=VALUE"),
        (["a b=3"], "expected KEY=VALUE"),
        (["a=3", "a=4"], "given twice"),
        (["horizon=3"], "--horizon"),
        (["discount=0.9"], "--model"),
        (["exact=false"], "always made exact"),
        (["initial=[1]"], "--model"),
    ],
)
def test_what_is_no_argument_of_an_environment(given, message):
    with pytest.raises(InvalidArgument, match=message):
        environment_arguments(given)


@pytest.mark.parametrize("text", ["FrozenLake-v1", "gym:", "gym", "", "gymnasium:FrozenLake-v1"])
def test_what_is_no_environment(text):
    with pytest.raises(InvalidArgument, match="expected gym:ID"):
        environment_id(text)


def test_an_id_may_name_a_module():
    assert environment_id("gym:package:Env-v0") == "package:Env-v0"


def test_levels():
    assert chosen_levels(None) == NUMERIC_LEVELS
    assert chosen_levels([",".join(reversed(LEVELS))]) == LEVELS
    assert chosen_levels(["exact,float", " ball "]) == ("float", "ball", "exact")
    assert chosen_levels(["exact", "exact"]) == ("exact",)


@pytest.mark.parametrize("given", [["floats"], ["exact,"], ["exact;ball"], [""]])
def test_what_is_no_level(given):
    with pytest.raises(InvalidArgument, match="expected float, ball, exact"):
        chosen_levels(given)


def test_claims_stand_in_the_order_of_the_catalogue_and_once():
    assert len(chosen_claims(None)) == len(REGISTRY)
    ids = [claim.catalogue for claim in chosen_claims(None)]
    assert ids == sorted(ids)
    names = [claim.name for claim in chosen_claims(["m-01", "F-01", "log_partition_eq_soft_value"])]
    assert names[0] == "discriminator_eq_density_ratio"
    assert names.count("log_partition_eq_soft_value") == 1
    assert len(names) == 1 + sum(claim.catalogue == "M-01" for claim in REGISTRY.values())
