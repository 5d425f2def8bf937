"""Known mistakes on noise, margins, weights and responses: what each changes in `given.Given`, and a sentence."""

from equivalence.testing.conventions.mistake import OUTPUT, known

GIVEN = (
    *OUTPUT[:1],
    known("reference ignored", "the reference policy does not count", reference="ignored"),
    known("divergence left out", "the divergence from the reference is missing", reference="the policy"),
    known(
        "divergence added",
        "the divergence from the reference is added, expected subtracted",
        formula="divergence added",
    ),
    known("baseline added", "the mean of the advantage is added, expected subtracted", formula="baseline added"),
    known("temperature ignored", "temperature 1 is used", temperature="none"),
    known("temperature inverted", "1 / alpha is used for alpha", temperature="inverse"),
    known(
        "temperature on the policy alone",
        "alpha multiplies the logits and not log ref",
        temperature="of the policy alone",
    ),
    known(
        "temperature of the chain rule missing", "alpha is in the margin, and not before the sum", scale="over alpha"
    ),
    known("winner and loser swapped", "the rejected response is preferred", pairs="swapped"),
    known("loser detached", "only winners move", formula="winners alone"),
    known(
        "mean over prompts",
        "divided by the number of prompts: the law is one over prompts already",
        scale="over prompts",
    ),
    known("nu ignored", "nu = 1 is used", ratio="none"),
    known(
        "noise not counted nu times",
        "a mean over the noise: nu is in the logit and not in the sum",
        ratio="in the logit alone",
    ),
    known("log nu missing in the logit", "nu is in the sum and not in the logit", ratio="in the sum alone"),
    known("log nu in the logit too", "the logit is corrected for nu", ratio="in the logit too"),
    known("nu on the side of the data", "1 / nu is used for nu", ratio="inverse"),
    known("mean over data and noise", "divided by 1 + nu", scale="over samples"),
    known("energy with the other sign", "E is taken for a reward: exp(E)", energy="opposite"),
    known("energy twice", "2 E", energy="twice"),
    known("energy halved", "E / 2", energy="half"),
    known("log Z missing", "log Z is left out", normalizer="none"),
    known("log Z with the other sign", "log Z is added, expected subtracted", normalizer="opposite"),
    known("log Z of the energy", "the log partition function stands for the trained log Z", normalizer="of the energy"),
    known("data and samples swapped", "p and q have changed places", laws="swapped"),
    known("margin on the wrong side", "max(e - m, 0), expected max(m - e, 0)", formula="hinge on the other side"),
    known("no hinge", "m - e, expected max(m - e, 0)", formula="no hinge"),
    known("mean over components", "a mean over components, expected their sum", scale="over components"),
    known("first component alone", "the other components are not predicted", formula="first component"),
    known(
        "model in place of the other components",
        "x_-i is drawn from the model, expected from the data",
        formula="model for the others",
    ),
    known("mean cost as the baseline", "E_q c, expected E[|s|^2 c] / E[|s|^2]", formula="mean cost"),
    known(
        "score without its mean",
        "the normalizer of the softmax is left out of the score",
        formula="score without its mean",
    ),
    known("weights of the sampler alone", "importance weights for samples of q", formula="weights of the sampler"),
    known("weights of the data alone", "importance weights for samples of p", formula="weights of the data"),
    known(
        "weights of the true mixture",
        "the density of the data is taken to be known",
        formula="weights of the true mixture",
    ),
    known("no importance weights", "samples are not weighted", formula="weights none"),
    known("weights exp(-E) alone", "samples are weighted, but not by their density", formula="weights exp(-E)"),
    *OUTPUT[1:],
    known("mean over outcomes", "divided by n: a mean, expected a sum", factor="over n"),
)
