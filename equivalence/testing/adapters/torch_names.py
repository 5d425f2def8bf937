"""What torch does not promise to keep, and code is followed with: every such name is taken here.

Errors, of the import: `Untraceable` for a release of torch without one of them. Floats are judged all the same.
"""

import importlib
from functools import reduce
from typing import Any

import torch

from equivalence.testing.adapters.untraceable import Untraceable

FOLLOWED = "2.13"  # the release of torch that code was followed with
TAKEN = (
    ("torch.utils._python_dispatch", "TorchDispatchMode"),
    ("torch.utils._pytree", "tree_flatten"),
    ("torch.utils._pytree", "tree_map"),
    ("torch._decomp", "decomposition_table"),
)
USED = (  # as they are
    ("torch", "Tensor._is_zerotensor"),
    ("torch", "Tag.nondeterministic_seeded"),
    ("torch.compiler", "set_stance"),
    ("torch.distributions", "Distribution._validate_args"),
    ("torch.distributions.utils", "clamp_probs"),
)


def taken(module: str, path: str) -> Any:
    """What a module of torch has by this name."""
    try:
        return reduce(getattr, path.split("."), importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        said = f"torch {torch.__version__} has no {module}.{path}"
        raise Untraceable(f"{said}: torch code is followed with {FOLLOWED}") from error


for _name in USED:
    taken(*_name)
TorchDispatchMode, tree_flatten, tree_map, decomposition_table = (taken(*name) for name in TAKEN)
