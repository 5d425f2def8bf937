"""How a failing instance becomes smaller.

arrays      an instance as arrays of floats or exact numbers by name: what is merged, cut and fitted, and how
complexity  which of two is the simpler one
search      the current one, and what is tried
sizes       fewer states, actions, steps, outcomes
structures  smaller product spaces and strings
entries     simpler rows and numbers
simplest    the simplest models of a shape, tried as they are
"""
