"""Models from elsewhere, and models on disk.

*  `gymnasium`: environments with a transition table, from the package of that name (extra `gym`)
*  `tables`: what such a table means as a model; `entries` reads it, `endings` finds where episodes are over
*  `files`: .npz files
"""

from mdps.interop.files import load_npz, save_npz
from mdps.interop.gymnasium import from_gymnasium
from mdps.interop.tables import from_table

__all__ = ["from_gymnasium", "from_table", "load_npz", "save_npz"]
