"""Somebody's code over other numbers than floats.

subject     a function, its framework, and how it is called: over floats and over numbers that are followed
ways        the ways to call a function whose framework was not said
numbers     the numbers          arrays    numpy's arrays of them          reached   what a function calls
written     what floats in the code stand for    sums  those of shifted exponentials    guarded  what does not come back
numpy_code  numpy's functions    jax_code  the operations of a jaxpr       torch_code  those of torch, as they run
jax_operations, _shapes, _indexing, _linear        what the operations of JAX do to the numbers
jax_compiled                                       code in floats, compiled once for each shape
torch_operations, _entries, _activations, _sums, _order, _linear, _places, _losses
                                                   what those of torch do; torch_followed, _performed, _memory and
                                                   _outside follow them through views and changes in place;
                                                   torch_names has what torch does not promise to keep
cases       which instances the code is run on     free  what of an instance is free
over_field  the verdict of a prime field: proved for all parameters, refuted, or what could not be followed
"""
