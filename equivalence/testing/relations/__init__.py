"""Relations: what right code satisfies, for code that has no exact counterpart in the library.

    from equivalence.testing.relations import check_density, check_relation, related

    print(check_relation(my_gradient, "symmetric_jacobian"))
    print(check_relation(my_policy, "shaping", returns="policy"))
    print(check_density(my_log_density, on=(-1, 1), log=True))

    @related("conservation")                   # with pytest, or any other runner
    def test_occupancy():
        return my_occupancy

| relation           | what is the same                                                | does not hold where          |
|--------------------|-----------------------------------------------------------------|------------------------------|
| symmetric_jacobian | dg_i/dx_j and dg_j/dx_i of a gradient                           | weights are frozen           |
| conservation       | what leaves a state and what comes there                        | visits are normalized        |
| shaping            | policies for r and r + gamma Phi(s') - Phi(s)                   | Phi(s_T) is owed at the end  |
| constant_shift     | policies for r and r + c                                        | episodes end early           |
| scaling            | policies for r at alpha and 3 r at 3 alpha                      | no temperature is taken      |
| permuted_states    | the answer to a renamed model and the renamed answer            | ties are broken by number    |
| permuted_actions   | likewise                                                        | likewise                     |
| horizon_splitting  | T steps, and T1 and then T - T1                                 | something is paid at the end |
| normalization      | sums of probabilities and 1                                     |                              |
| normalized_density | the integral of a density over its own coordinates and 1        |                              |

A relation `holds` or is `violated`, or `undecided`; it never `agrees`, since another mistake may satisfy it as well.
Each module says the theorem, what is assumed, what is seen and what is not.

relation      what a relation is, and what a subject takes
over_field    with zero tolerance, for all parameters: the subject is followed over a prime field
in_floats     on instances in floats, with an estimate of their rounding
jacobian      derivatives over a field, by complex steps and by differences
flow, invariances, permutations, horizons, normalization, densities    the relations
checking      `check_relation`, `assert_relation`, `related`      verdict, told   what is said
"""

from equivalence.testing.relations.checking import RELATIONS, assert_relation, check_relation, related
from equivalence.testing.relations.densities import check_density
from equivalence.testing.relations.relation import Relation
from equivalence.testing.relations.verdict import RelationVerdict

__all__ = [
    "RELATIONS",
    "Relation",
    "RelationVerdict",
    "assert_relation",
    "check_density",
    "check_relation",
    "related",
]
