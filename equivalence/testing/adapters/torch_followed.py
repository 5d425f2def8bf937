"""torch code over numbers that are followed, as it runs.

The function is called with tensors of floats, and every ATen operation that torch performs, those of a backward pass
included, is performed a second time on the numbers that its tensors stand for (`torch_performed`, `torch_memory`;
`torch_operations` lists them). Those are the nodes of the graph that torch traces of `torch.autograd.grad`, one by one
as they come. Comparisons follow the shadows, so a branch of Python on a tensor is one of the numbers, and counted.
`float(x)` of what is no known number raises `Untraceable`; `x.item()` is a tensor without axes, `x.numpy()` an array of
numbers that are followed (`torch_outside`). A function that torch would compile runs as it is.

The floats that go along have no other use. They are near those of the instance, and of so many digits that none of them
is ever read as a number that somebody wrote down: what leaves the operations unseen and comes back is noticed.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch.distributions import utils

from equivalence.testing.adapters.torch_memory import Memory, found
from equivalence.testing.adapters.torch_outside import outside
from equivalence.testing.adapters.torch_performed import Operations

NOISE = 2.0**-20  # of the floats that go along


def followed(function: Callable[..., Any], floats: Sequence[Any], numbers: Sequence[Any]) -> Any:
    """What the function returns over the numbers."""
    memory = Memory()
    kind = next((x.dtype for x in floats if isinstance(x, np.ndarray) and x.dtype.kind == "f"), None)
    rng = np.random.default_rng(0)
    arguments = [_argument(memory, x, y, kind, rng) for x, y in zip(floats, numbers, strict=True)]
    with np.errstate(all="ignore"), _not_compiled(), _plain_distributions(), Operations(memory), outside(memory):
        returned = function(*arguments)
    return _numbers_of(memory, returned)


def _argument(memory: Memory, floats: Any, values: Any, kind: Any, rng: np.random.Generator) -> Any:
    """A tensor that stands for the values; a horizon as it is, and integers as a tensor of their own."""
    if isinstance(values, int):
        return values
    if isinstance(floats, np.ndarray) and floats.dtype.kind in "iu":
        return torch.from_numpy(floats.copy())
    array = np.asarray(floats, dtype=kind)
    noisy = np.asarray(array * (1 - NOISE * rng.random(array.shape)), dtype=array.dtype)  # probabilities stay below 1
    tensor = torch.from_numpy(noisy.reshape(-1)).reshape(array.shape).clone()
    held = np.empty(array.shape, dtype=object)
    held[...] = values
    memory.write(tensor, held)
    return tensor


def _numbers_of(memory: Memory, returned: Any) -> Any:
    if isinstance(returned, torch.Tensor):
        return found(memory.of(returned.detach()), after=True)
    if isinstance(returned, (tuple, list)):
        return tuple(_numbers_of(memory, x) for x in returned)
    return returned


def _not_compiled() -> AbstractContextManager[Any]:
    """A block in which functions that torch would compile run as they are."""
    if "torch._dynamo" not in sys.modules:  # which takes a second or two to import
        return nullcontext()
    return torch.compiler.set_stance("force_eager")


@contextmanager
def _plain_distributions() -> Iterator[None]:
    """Distributions without what serves floats alone: checks with tolerances, and probabilities kept off 0 and 1.

    That the floats are the same all the same is checked where a subject is run over a field.
    """
    distribution = torch.distributions.Distribution
    kept, clamp = distribution._validate_args, utils.clamp_probs
    distribution.set_default_validate_args(False)
    utils.clamp_probs = lambda probs: probs
    try:
        yield
    finally:
        distribution.set_default_validate_args(kept)
        utils.clamp_probs = clamp
