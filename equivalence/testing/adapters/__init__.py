"""Somebody's code over other numbers than floats.

arrays      numpy functions of objects        cases   which instances they are run on
over_field  the verdict of a prime field: proved for all parameters, refuted, or what could not be followed
"""
