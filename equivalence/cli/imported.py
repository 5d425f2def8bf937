"""A function of somebody's, by `module:function`; modules of the current directory are found."""

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from mdps import InvalidArgument


def imported_function(text: str) -> Callable[..., Any]:
    """The function that `module:function` or `package.module:Class.method` names.

    Errors: `InvalidArgument` where there is none, where importing its module fails, or where it is no function.
    """
    module_name, _, path = text.partition(":")
    if module_name.endswith(".py"):
        named = module_name.removesuffix(".py").replace("/", ".").lstrip(".")
        raise InvalidArgument(f"{text!r} names a file; expected module:function, as {named}:{path or 'function'}")
    if not all(part.isidentifier() for part in [*module_name.split("."), *path.split(".")]):
        raise InvalidArgument(f"{text!r} is not understood; expected module:function, as mypackage.losses:gradient")
    found: Any = _imported_module(module_name)
    for name in path.split("."):
        if not hasattr(found, name):
            raise InvalidArgument(f"{module_name} has no {path}")
        found = getattr(found, name)
    if not callable(found):
        raise InvalidArgument(f"{text} is {found!r}; expected a function")
    return found


def _imported_module(name: str) -> Any:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise InvalidArgument(f"there is no module {error.name}; looked in {here} and where Python looks") from None
        raise InvalidArgument(_trouble(name, error)) from None
    except (Exception, SystemExit) as error:
        raise InvalidArgument(_trouble(name, error)) from None


def _trouble(name: str, error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename][1:]
    where = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"importing {name} raised {type(error).__name__}: {error}{where}"
