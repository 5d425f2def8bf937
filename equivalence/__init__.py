"""Exact answers and verdicts for inverse reinforcement learning, adversarial imitation and energy-based models.

objectives   losses, likelihoods and gradients in closed form, one paper a module
claims       statements about them: functions that return `equal(lhs, rhs)`, with named assumptions
evidence     how strongly a statement holds: floats, balls, exact numbers, finite fields, symbols; certificates
testing      the judge of somebody's code; `pytest_plugin` brings it to pytest
reports      verdicts as a table, as JSON and as files
cli          the command `equivalence`
guides       longer documentation, in Markdown
"""
