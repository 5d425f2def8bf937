"""torch code, called with arrays of numpy, or with numbers that are followed (`torch_followed`).

A function takes tensors, and Python numbers for what has no axes; or numpy's arrays, of which it makes tensors itself.
What is needed to follow it is imported there, where a release of torch may lack it (`torch_names`): floats need none.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

FOLLOWED = "equivalence.testing.adapters.torch_followed"


def in_floats(function: Callable[..., Any], dtype: Any) -> Callable[..., Any]:
    """The function of numpy arrays that calls it with tensors, which share their memory."""

    def called(*arguments: Any) -> Any:
        return _as_arrays(function(*(_tensor(x) for x in arguments)))

    return called


def of_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of tensors that calls one of numpy arrays, which makes tensors itself, with what is in them."""

    def called(*arguments: Any) -> Any:
        return function(*(_array(x) for x in arguments))

    return called


def _array(x: Any) -> Any:
    return x.numpy()[()] if isinstance(x, torch.Tensor) else x


def _tensor(x: Any) -> Any:
    return torch.from_numpy(x) if isinstance(x, np.ndarray) else x


def _as_arrays(returned: Any) -> Any:
    if isinstance(returned, torch.Tensor):
        return returned.detach().cpu().resolve_neg().numpy()
    if isinstance(returned, (tuple, list)):
        return tuple(map(_as_arrays, returned))
    return returned


def followed(function: Callable[..., Any], floats: Sequence[Any], numbers: Sequence[Any]) -> Any:
    """What the function returns over the numbers.

    Errors: `Untraceable` for a release of torch that code is not followed with, as for what has no meaning there.
    """
    return importlib.import_module(FOLLOWED).followed(function, floats, numbers)
