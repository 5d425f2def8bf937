"""The errors of the toolkit: one class for each thing that a caller can do about it.

=================  =======================================================================
`InvalidModel`     the MDP itself is not one, or the question is undefined on it
`InvalidArgument`  the model is fine, what was asked of it (a reward, policy, expert …) is not
`OutOfReach`       the question is sound, but this arithmetic or this size cannot answer it
=================  =======================================================================

Every message says what was expected, what came, where, and what to do.
"""


class InvalidModel(ValueError):
    """An MDP that breaks a convention of `mdps`, or on which the question asked is undefined."""


class InvalidArgument(ValueError):
    """An argument that does not fit its model: shape, sign, mass, support, or range."""


class OutOfReach(ArithmeticError):
    """A sound question that this arithmetic cannot express, or that is too large to enumerate."""
