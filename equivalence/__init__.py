"""Exact answers and verdicts for inverse reinforcement learning, adversarial imitation and energy-based models.

objectives   losses, likelihoods and gradients in closed form, one paper a module
claims       statements about them: functions that return `equal(lhs, rhs)`, with named assumptions
evidence     how strongly a statement holds on an instance: floats, balls, exact numbers, symbols
reports      verdicts as a table and as JSON
cli          the command `equivalence`
"""
