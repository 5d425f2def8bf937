"""What is raised where somebody's code cannot be followed."""

from mdps import OutOfReach


class Untraceable(OutOfReach):
    """The code does something that has no meaning over a field; the message names it."""
