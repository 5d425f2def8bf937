"""Stacks hold what they say: exact instances, and floats of all of them that are within their bounds."""

import numpy as np
import pytest
from flint import arb

from equivalence.claims import REGISTRY, games
from equivalence.evidence import drawn_stacks, stacks_of
from mdps import MDP, scalars, trajectories
from mdps.scalars.balls import precision
from mdps.scalars.stacked import errors, values

GAME, MODEL = REGISTRY["discriminator_eq_density_ratio"], REGISTRY["soft_value_le_optimistic_value"]
ARRAYS = ("transition", "initial", "final_value")


def numbers(instance_values):
    """Everything of an instance that is a number, by name; a model by its arrays."""
    found = {}
    for name, value in instance_values.items():
        if isinstance(value, MDP):
            found |= {f"{name}.{part}": np.asarray(getattr(value, part)) for part in ARRAYS}
            found[f"{name}.discount"] = np.asarray(value.discount, dtype=object)
        else:
            found[name] = np.asarray(value, dtype=object)
    return found


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("claim", [GAME, MODEL, REGISTRY["maxent_gradient_is_zero_at_soft_expert"]])
def test_floats_of_a_stack_are_those_of_its_instances_within_their_bounds(claim, seed):
    for stack in stacks_of(claim, seed=seed):
        stacked = numbers(stack.values)
        floats = {name: (values(x, len(stack)), errors(x, len(stack))) for name, x in stacked.items()}
        for index in (0, 1, 97, len(stack) - 1):
            exact = numbers(stack.instance(index).values)
            assert exact.keys() == stacked.keys()
            for name, (value, error) in floats.items():
                assert exact[name].shape == stacked[name].shape
                with precision(300):
                    for x, e, truth in zip(
                        value[index].flat, error[index].flat, scalars.convert(exact[name], "ball").flat, strict=True
                    ):
                        assert abs(arb(x) - truth) <= arb(e), name
                        assert e <= 2.0**-40 * (1 + abs(x)), "the bound says something"


@pytest.mark.parametrize("claim", REGISTRY.values(), ids=lambda claim: claim.name)
def test_stacks_are_of_the_structure_that_the_claim_assumes(claim):
    built_in = [needed for needed in claim.assumes if needed.structure]
    for stack in stacks_of(claim):
        for index in (0, 11, 111):
            assert all(needed(stack.instance(index).values) for needed in built_in)


def test_masks_are_those_of_the_stack_and_numbers_vary():
    for stack in stacks_of(MODEL):
        first, *others = (stack.instance(index).values["mdp"] for index in (0, 1, 2, 3))
        for mdp in others:
            assert (mdp.support == first.support).all()
            assert (mdp.terminal == first.terminal).all()
            assert len(trajectories(mdp)) <= drawn_stacks.MOST_TRAJECTORIES
        rewards = {str(stack.instance(index).values["reward"].tolist()) for index in range(20)}
        assert len(rewards) > 15


def test_kinds_of_stacks():
    models = [stack.first.values["mdp"] for stack in stacks_of(MODEL)]
    assert any(mdp.terminal.any() for mdp in models)
    assert any((~mdp.available).any() and not mdp.terminal.any() for mdp in models)
    assert {str(mdp.discount) for mdp in models} == {"1", "1/2"}
    assert any((mdp.support.sum(axis=-1) > 1).any() for mdp in models)
    assert {stack.first.values["reward"].ndim for stack in stacks_of(MODEL)} == {1, 2, 3}
    spaces = [stack.first.values for stack in stacks_of(GAME)]
    for name in ("sampler", "data"):
        assert {bool(scalars.zero_mask(values[name]).any()) for values in spaces} == {True, False}


@pytest.mark.parametrize("claim", [GAME, MODEL], ids=lambda claim: claim.name)
def test_seed_number_and_index_give_the_same_instance_again(claim):
    def shown(seed, number, index):
        drawn_stacks._games.cache_clear()
        drawn_stacks._models.cache_clear()
        instance = stacks_of(claim, seed=seed)[number].instance(index)
        return str({name: array.tolist() for name, array in numbers(instance.values).items()})

    assert shown(5, 2, 400) == shown(5, 2, 400)
    assert len({shown(5, 2, 400), shown(6, 2, 400), shown(5, 3, 400), shown(5, 2, 401)}) == 4


def test_quick_is_one_small_stack():
    (stack,) = stacks_of(MODEL, quick=True)
    assert len(stack) == drawn_stacks.QUICK_SIZE
    assert "stack 0" in stack.instance(3).text
    assert "instance 3 of" in stack.instance(3).text
    assert games.coin().keys() <= stacks_of(GAME)[0].names
