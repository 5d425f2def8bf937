"""How fast is it? One file a question, each with the plain version that it is held against.

    python -m benchmarks                  the questions
    python -m benchmarks sparse_gradient  one of them

Answers are asserted before anything is timed: against each other, within a bound that is derived (`agreement`).
The two sides run in turns, A B A B ..., and the ratio is the median over the turns (`timing`).
"""
