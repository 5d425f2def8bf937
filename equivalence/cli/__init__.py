"""The command `equivalence`.

commands  the commands, their options and exit status
options   what is written in an option, read
subjects  what claims are verified on: an environment, a file, or generated instances
imported  somebody's function, by `module:function`
progress  a progress bar for what takes longer than a second
"""

from equivalence.cli.commands import app, main

__all__ = ["app", "main"]
