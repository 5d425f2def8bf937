"""A model, and a reward, as a dictionary of arrays: what files hold.

key            holds
-------------  ------------------------------------------------------------------------------------------
`transition`   [..., s, a, s'], probability
`initial`      [..., s], probability
`horizon`      the number T of decisions, or 'none'
`discount`     a number between 0 and 1; 1 where there is none
`final_value`  [..., s] or a number, in the unit of reward; 0 where there is none
`reward`       [s], [s, a] or [s, a, s'] beyond the batch axes; may be left out
`changes`      sentences: what was done to the numbers on the way in; may be left out

Floats are float arrays. Exact numbers are arrays of text, so that nothing is rounded and any numpy reads the
file: '1/3', or with logarithms '1/2 + 3*log(5) - 2/3*log(7)'. A sparse transition is kept as the four
parts of its CSR matrix, `transition_data`, `transition_indices`, `transition_indptr` and `transition_shape`.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse
from flint import fmpq, fmpz

from mdps import scalars
from mdps.arguments import checked_reward
from mdps.errors import InvalidArgument, InvalidModel, OutOfReach
from mdps.model import MDP
from mdps.scalars import LogRational
from mdps.scalars.levels import exact_fraction

SPARSE = tuple(f"transition_{part}" for part in ("data", "indices", "indptr", "shape"))
REQUIRED = ("initial", "horizon")
KEYS = ("transition", *REQUIRED, "discount", "final_value", "reward", "changes", *SPARSE)
NOT_NUMBERS = ("horizon", "changes")
_RATIONAL = r"(?P<top>\d+)(?:/(?P<bottom>0*[1-9]\d*))?"
_TERM = re.compile(rf"(?P<sign>[+-])(?:{_RATIONAL}(?:\*log\((?P<argument>[1-9]\d*)\))?|log\((?P<alone>[1-9]\d*)\))")


def record_of(mdp: MDP, reward: Any = None) -> dict[str, Any]:
    """The arrays of a model, and of a reward where there is one, by their keys.

    Errors: `OutOfReach` for balls and symbols, which no file can hold.
    """
    record: dict[str, Any] = {}
    if scipy.sparse.issparse(mdp.transition):
        record |= {name: getattr(mdp.transition, name.removeprefix("transition_")) for name in SPARSE}
    else:
        record["transition"] = _written(mdp.transition)
    record |= {name: _written(getattr(mdp, name)) for name in ("initial", "discount", "final_value")}
    record["horizon"] = "none" if mdp.horizon is None else mdp.horizon
    if reward is not None:
        record["reward"] = _written(checked_reward(mdp, reward))
    if mdp.changes:
        record["changes"] = np.array(mdp.changes)
    return record


def model_of(record: Mapping[str, np.ndarray]) -> tuple[MDP, np.ndarray | None]:
    """The model of such arrays, and its reward where there is one.

    Errors: `InvalidArgument` for keys that are not those of a model and for a reward that does not fit; `InvalidModel`
    for numbers that are no model.
    """
    _check_keys(record)
    arrays = {
        name: _parsed(array) if array.dtype.kind == "U" and name not in NOT_NUMBERS else array
        for name, array in record.items()
    }
    mdp = MDP(
        arrays["transition"] if "transition" in arrays else _sparse(*(arrays[name] for name in SPARSE)),
        arrays["initial"],
        horizon=_horizon(arrays["horizon"]),
        discount=arrays.get("discount", 1),
        final_value=arrays.get("final_value", 0),
        changes=tuple(map(str, np.atleast_1d(arrays.get("changes", ())))),
    )
    return mdp, checked_reward(mdp, arrays["reward"]) if "reward" in arrays else None


def _check_keys(names: Iterable[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if "transition" not in names and not set(SPARSE) <= set(names):
        missing.insert(0, "transition")
    unknown = [name for name in names if name not in KEYS]
    if missing or unknown:
        faults = [
            f"{', '.join(names)} {fault}" for names, fault in ((missing, "missing"), (unknown, "unknown")) if names
        ]
        raise InvalidArgument(f"the keys are not those of a model: {'; '.join(faults)}. Expected {', '.join(KEYS[:6])}")


def _horizon(array: np.ndarray) -> Any:
    if array.shape != ():
        raise InvalidModel(f"horizon has shape {array.shape}; expected one whole number, or 'none'")
    return None if array.dtype.kind == "U" and str(array) == "none" else array.item()


def _sparse(data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, shape: np.ndarray) -> Any:
    try:
        return scipy.sparse.csr_array((data, indices, indptr), shape=tuple(shape.tolist()))
    except (ValueError, TypeError) as error:
        raise InvalidArgument(f"the sparse transition is not a CSR matrix: {error}") from None


def _written(numbers: Any) -> np.ndarray:
    array = np.asarray(numbers)
    if array.dtype != object:
        return array
    if (level := scalars.level_of(array)) != "exact":
        raise OutOfReach(
            f"a file holds floats or exact numbers, not the level {level}; take mdp.to('float') or 'exact'"
        )
    texts: dict[int, str] = {}  # by identity: an array repeats few numbers, its zero above all
    written = [texts.get(id(x)) or texts.setdefault(id(x), _text(x)) for x in array.flat]
    return np.array(written).reshape(array.shape)


def _text(x: Any) -> str:
    if not isinstance(x, LogRational):
        return str(exact_fraction(x))
    logs = (f"{c}*log({fmpz(n)})" for n, c in x.terms.items())
    return " + ".join([str(x.constant), *logs]).replace("+ -", "- ")


def _parsed(array: np.ndarray) -> np.ndarray:
    return np.array([_number(str(text)) for text in array.flat], dtype=object).reshape(array.shape)


@lru_cache(maxsize=2**16)
def _number(text: str) -> fmpq | LogRational:
    """The number that a text says: a sum of terms p/q and p/q*log(n)."""
    compact = text.replace(" ", "")
    compact = compact if compact.startswith(("+", "-")) else f"+{compact}"
    terms = list(_TERM.finditer(compact))
    if not terms or "".join(term[0] for term in terms) != compact:
        raise InvalidArgument(f"{text!r} is not a number; expected one such as '1/3' or '1/2 + 3*log(5)'")
    total: Any = fmpq(0)
    for term in terms:
        n = term["argument"] or term["alone"]
        factor = fmpq(fmpz(term["top"] or "1"), fmpz(term["bottom"] or "1"))
        part = factor * LogRational.log(fmpq(fmpz(n))) if n else factor
        total = total - part if term["sign"] == "-" else total + part
    return total
