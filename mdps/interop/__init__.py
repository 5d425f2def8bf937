"""Models from elsewhere, models for elsewhere, and models on disk.

*  `layouts`: transition arrays in any order of axes, and sparse matrices
*  `gymnasium`: environments with a transition table, from the package of that name (extra `gym`), and models as
   environments, see `environments`
*  `tables`: what such a table means as a model; `entries` reads it, `endings` finds where episodes are over
*  `tabular`: tabular environments of seals and imitation
*  `files`: .npz and JSON files; `records` says what they hold
"""

from mdps.interop.files import load_json, load_npz, save_json, save_npz
from mdps.interop.gymnasium import from_gymnasium, to_gymnasium
from mdps.interop.layouts import from_array, from_sparse, guess_layout, reordered, to_sparse
from mdps.interop.tables import from_table, to_table
from mdps.interop.tabular import from_tabular, to_tabular

__all__ = [
    "from_array",
    "from_gymnasium",
    "from_sparse",
    "from_table",
    "from_tabular",
    "guess_layout",
    "load_json",
    "load_npz",
    "reordered",
    "save_json",
    "save_npz",
    "to_gymnasium",
    "to_sparse",
    "to_table",
    "to_tabular",
]
