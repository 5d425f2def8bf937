"""Objectives and their gradients in closed form.

On a finite space of n outcomes (arguments `energy`, `sampler`, `data` of shape [..., n], and `log_normalizer`):

    ebm     maximum likelihood of an energy-based model
    gan     a discriminator that is given the sampler's density
    gcl     importance-sampled maximum entropy IRL (guided cost learning)

On an MDP (arguments `mdp`, `reward`, `expert`):

    maxent  the maximum entropy law over trajectories
    causal  maximum causal entropy

Signs are in the names: `*_likelihood`, `*_value` and `dual` are maximized, `*_loss` is minimized. A gradient has the
shape of what it is a gradient to.
"""

from equivalence.objectives import causal, ebm, gan, gcl, maxent

__all__ = ["causal", "ebm", "gan", "gcl", "maxent"]
