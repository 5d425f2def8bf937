"""Targets on a finite space of outcomes: entropies, divergences and their critics, transport, the tangent space."""

from collections.abc import Iterator
from typing import Any

from flint import fmpq

from equivalence.objectives import divergences, f_divergences, tangent, transport
from equivalence.testing.targets.argument import FIXED, LOGARITHM
from equivalence.testing.targets.references import entropy_of_quotients, named
from equivalence.testing.targets.rows import row, with_form
from equivalence.testing.targets.spaces_arguments import critic_below
from equivalence.testing.targets.target import Target
from mdps import scalars


def _chi_square_from_moments(data: Any, sampler: Any) -> Any:
    """sum p^2 / q - 1, which cancels where the laws are near each other."""
    drawn = ~scalars.zero_mask(sampler)
    ratios = scalars.over(drawn, lambda p, q: p * p / q, data, sampler, otherwise=scalars.constant(0, sampler))
    return ratios.sum() - 1


def _divergences() -> Iterator[Target]:
    laws, beside_logs = "data sampler", {"data": FIXED, "sampler": FIXED}
    yield row(
        "divergences.shannon_entropy",
        "data",
        "",
        named(divergences.shannon_entropy, data="p"),
        "-sum p log p, in nats",
        roads=(lambda data: entropy_of_quotients(data),),
        roles=beside_logs,
    )
    rows = (
        ("kl", "sum p log(p / q), in nats"),
        ("jensen_shannon", "(KL(p || m) + KL(q || m)) / 2, m = (p + q) / 2: at most log 2"),
        ("chi_square", "sum (p - q)^2 / q"),
        ("total_variation", "sum |p - q| / 2: at most 1"),
    )
    for name, meaning in rows:
        function = named(getattr(divergences, name), data="p", sampler="q")
        roles = beside_logs if name in ("kl", "jensen_shannon") else {}
        whole = ("sampler",) if name in ("kl", "chi_square") else ()
        roads = (_chi_square_from_moments,) if name == "chi_square" else ()
        text = f"{meaning}; p: data, q: sampler"
        yield row(f"divergences.{name}", laws, "", function, text, roles=roles, whole=whole, roads=roads)


F_OF = {
    "kl": "u log u",
    "reverse_kl": "-log u",
    "gail": "u log u - (u + 1) log((u + 1) / 2)",
    "jensen_shannon": "half of u log u - (u + 1) log((u + 1) / 2)",
    "gan": "u log u - (u + 1) log(u + 1)",
    "pearson": "(u - 1)^2",
    "neyman": "(u - 1)^2 / u",
    "squared_hellinger": "(sqrt u - 1)^2",
    "total_variation": "|u - 1| / 2",
}


# f'(infinity) or a number below it, and f'(0) where the critic is kept above it
CRITICS = {
    "kl": (None,),
    "reverse_kl": (fmpq(0),),
    "gail": (fmpq(2, 3),),
    "jensen_shannon": (fmpq(1, 3),),
    "gan": (fmpq(0),),
    "pearson": (None,),
    "neyman": (fmpq(1),),
    "squared_hellinger": (fmpq(1),),
    "total_variation": (fmpq(1, 2), fmpq(-1, 2)),
}
EXPONENTIATED = ("gail", "jensen_shannon", "gan")


def _f_divergences() -> Iterator[Target]:
    laws = "data sampler"
    for name, f in F_OF.items():
        rows = (
            ("f_divergence", laws, "", "sum q f(p / q)"),
            ("optimal_critic", laws, "n", "f'(p / q); -inf where that is the limit at p = 0 < q"),
            ("variational_bound", f"critic {laws}", "", "E_p T - E_q f*(T)"),
            ("critic_gradient", f"critic {laws}", "n", "d bound / dT = p - q f*'(T)"),
            ("gradient_to_p", laws, "n", "f'(p / q), p a free table"),
            ("gradient_to_q", laws, "n", "f(p / q) - f'(p / q) p / q, q a free table"),
        )
        logarithmic = name in ("kl", "reverse_kl", "gail", "jensen_shannon", "gan")
        for function, arguments, axes, meaning in rows:
            asked = named(with_form(getattr(f_divergences, function), f=name), data="p", sampler="q")
            everywhere = function.startswith("gradient") or name in ("reverse_kl", "neyman")
            whole = ("data", "sampler") if everywhere else ("sampler",)
            roles = {"data": FIXED, "sampler": FIXED} if logarithmic and axes == "" else {}
            roles = roles | ({"critic": LOGARITHM} if name in EXPONENTIATED else {})
            draws = {"critic": critic_below(*CRITICS[name])} if "critic" in arguments else {}
            text = f"{meaning}; f(u) = {f}, p: data, q: sampler"
            roads = (_chi_square_from_moments,) if (function, name) == ("f_divergence", "pearson") else ()
            yield row(
                f"f_divergences.{function}.{name}",
                arguments,
                axes,
                asked,
                text,
                whole=whole,
                roles=roles,
                draws=draws,
                roads=roads,
            )


def _transport() -> Iterator[Target]:
    names = {"data": "p", "sampler": "q", "cost_between": "cost", "lipschitz_critic": "critic"}
    fixed = {"data": FIXED, "sampler": FIXED}  # what they must agree with is
    rows = (
        ("plan_cost", "plan data sampler cost_between", "sum x_ij c_ij of a plan x from data to sampler"),
        (
            "potential_value",
            "source target data sampler cost_between",
            "E_p u + E_q v of potentials with u_i + v_j <= c_ij",
        ),
        (
            "lipschitz_value",
            "lipschitz_critic data sampler distance",
            "E_p h - E_q h of a critic with h(i) - h(j) <= d(i, j)",
        ),
    )
    for name, arguments, meaning in rows:
        function = named(getattr(transport, name), **names)
        roles = fixed if name == "plan_cost" else {}
        yield row(f"transport.{name}", arguments, "", function, f"{meaning}; p: data, q: sampler", roles=roles)


def _tangent() -> Iterator[Target]:
    axes = {"slope": "n"}
    yield row("tangent.projected", "slope", "n", named(tangent.projected, slope="gradient"), "g - mean(g)", axes=axes)
    yield row(
        "tangent.to_logits",
        "slope law",
        "n",
        named(tangent.to_logits, slope="gradient"),
        "q (g - E_q g), the slope to logits of the law q; 0 where q = 0",
        axes=axes,
    )


DIVERGENCES = (*_divergences(), *_f_divergences(), *_transport(), *_tangent())
