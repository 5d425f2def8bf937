"""The reference formulas with their conventions as switches, for the diagnosis.

Each module writes the targets of one family over arrays of any number type, with a frozen record of switches whose
defaults are the library's conventions: with the defaults a formula is the reference, with any other value it is a
known mistake, and mistakes in different switches compose.

control   soft control, what a policy does, causal.*     `Control`
paths     the law over trajectories, maxent.*            `Paths`
spaces    finite spaces: ebm.*, gan.*, gcl.*             `Spaces`
given     the other targets on finite spaces, and on responses: what is taken for what     `Given`
output    what is done to the numbers at the end: sign, factor, layout
"""
