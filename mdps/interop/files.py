"""Models on disk: .npz files of numpy, without pickles, and JSON files.

Both hold the same keys, see `mdps.interop.records`, and read back equal. Floats are floats, bit for bit; exact numbers
are text such as '1/3' or '1/2 + 3*log(5)', so that nothing is rounded. A JSON file has nested lists, and null for no
horizon; whole numbers among text are exact.
"""

import json
import os
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from mdps.errors import InvalidArgument, InvalidModel
from mdps.interop.records import NOT_NUMBERS, model_of, record_of
from mdps.model import MDP

Path = str | os.PathLike[str]


def save_npz(path: Path, mdp: MDP, reward: Any = None) -> None:
    """Write a model, and a reward where there is one, to a file that `load_npz` reads back equal.

    Errors: `OutOfReach` for balls and symbols, which a file cannot hold.
    """
    record = record_of(mdp, reward)
    with open(path, "wb") as file:  # to a path numpy would add .npz
        np.savez_compressed(file, **record)


def load_npz(path: Path) -> tuple[MDP, np.ndarray | None]:
    """The model in a file, and its reward where there is one.

    Errors, which name the file: `InvalidArgument` for one that cannot be read, whose keys are not those of a
    model, or whose reward does not fit; `InvalidModel` for numbers that are no model.
    """
    return _loaded(path, _read_npz)


def save_json(path: Path, mdp: MDP, reward: Any = None) -> None:
    """Write a model, and a reward where there is one, to a JSON file that `load_json` reads back equal.

    Errors: `OutOfReach` for balls and symbols, which a file cannot hold.
    """
    record = {name: np.asarray(array).tolist() for name, array in record_of(mdp, reward).items()}
    record["horizon"] = mdp.horizon if mdp.horizon is None else int(mdp.horizon)
    lines = [f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in record.items()]
    with open(path, "w", encoding="utf-8") as file:
        file.write("{" + ",\n ".join(lines) + "}\n")


def load_json(path: Path) -> tuple[MDP, np.ndarray | None]:
    """The model in a JSON file, and its reward where there is one.

    Errors: as of `load_npz`; and numbers that JSON has no name for (NaN, Infinity), keys that come twice.
    """
    return _loaded(path, _read_json)


def _loaded(path: Path, read: Callable[[Path], dict[str, np.ndarray]]) -> tuple[MDP, np.ndarray | None]:
    try:
        return model_of(read(path))
    except OSError as error:
        raise InvalidArgument(f"{os.fspath(path)}: the file cannot be read: {error.strerror or error}") from None
    except (InvalidArgument, InvalidModel) as error:
        raise type(error)(f"{os.fspath(path)}: {error}") from None


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InvalidArgument("this is a single array; expected an .npz file, which has keys")
            with archive:
                return {name: archive[name] for name in archive.files}
    except InvalidArgument:
        raise
    except (ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidArgument(f"this is not an .npz file of numbers without pickles: {error}") from None


def _read_json(path: Path) -> dict[str, np.ndarray]:
    with open(path, "rb") as file:
        content = file.read()
    try:
        values = json.loads(content, parse_constant=_no_number, object_pairs_hook=_once)
    except InvalidArgument:
        raise
    except (ValueError, RecursionError) as error:  # what is no JSON, and bytes that are no text
        raise InvalidArgument(f"this is not a JSON file: {error}") from None
    if not isinstance(values, dict):
        raise InvalidArgument(f"this is a JSON {type(values).__name__}; expected an object, which has keys")
    if values.get("horizon", 0) is None:
        values["horizon"] = "none"
    return {name: _array(name, value) for name, value in values.items()}


def _no_number(name: str) -> Any:
    raise InvalidArgument(f"the file has {name}; expected finite numbers")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidArgument(f"the key {next(x for x in names if names.count(x) > 1)!r} comes twice")
    return values


def _array(name: str, value: Any) -> np.ndarray:
    """Nested lists of numbers, or of text and whole numbers, as an array."""
    try:
        array = np.array(value, dtype=object)
    except ValueError as error:
        raise InvalidArgument(f"{name} is not a rectangular array: {error}") from None
    kinds = {type(x) for x in array.flat}
    stray = kinds - ({str} if name == "changes" else {str, int} if name == "horizon" else {str, int, float})
    if stray or (str in kinds and float in kinds) or (list in kinds):
        found = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise InvalidArgument(f"{name} holds {found}; expected an array of floats, or of text and whole numbers")
    if name not in NOT_NUMBERS and kinds == {int} and any(abs(x) > 2**53 for x in array.flat):
        return np.array([str(x) for x in array.flat]).reshape(array.shape)
    if str in kinds:
        return np.array([str(x) for x in array.flat], dtype=np.str_).reshape(array.shape)
    return array.astype(int) if kinds == {int} else array.astype(float)
