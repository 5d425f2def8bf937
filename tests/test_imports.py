"""`import mdps, equivalence` is light: heavy and optional packages are imported where they are used."""

import subprocess
import sys

import pytest

LAZY = ["sympy", "gymnasium", "matplotlib", "jax", "torch", "imitation"]


@pytest.mark.parametrize("module", ["mdps", "equivalence", "equivalence.cli"])
def test_import_leaves_out(module):
    code = f"import {module}, sys; print(*[name for name in {LAZY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
