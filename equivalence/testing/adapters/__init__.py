"""Somebody's code over other numbers than floats.

subject     a function, its framework, and the two ways to call it: over floats and over numbers that are followed
numbers     the numbers          arrays    numpy's arrays of them          reached   what a function calls
numpy_code  numpy's functions    jax_code  the operations of a jaxpr       torch_code  those of torch, as they run
jax_operations, _shapes, _indexing, _linear        what the operations of JAX do to the numbers
torch_operations, _entries, _arrays, _losses       what those of torch do; torch_performed, _memory and _outside
                                                   follow them through views and changes in place
cases       which instances the code is run on     free  what of an instance is free
over_field  the verdict of a prime field: proved for all parameters, refuted, or what could not be followed
"""
