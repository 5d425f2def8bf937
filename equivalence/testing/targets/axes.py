"""Axes by letter, and how they are written.

    s, a, t, x      states, actions, steps, next states s'
    h               steps and the end, T + 1 of them, written t
    n               outcomes; on an MDP trajectories in the order of `mdps.trajectories`
    m               other outcomes      i  samples or demonstrations
    p, y            prompts and responses, written x and y
    k               features
    d               components of a product space
    u, v, w         prefixes, tokens and full strings of them, written s, a and y
    N, K            n + 1 and k + 1, in what is returned

Where the tables of targets leave axes to the options of a subject they say R for those of its rewards, P for those of
its policies, V for these without actions, and C for those of its counts. In what is returned R is a gradient to the
reward, and r a reward.
"""

AXIS_NAMES = {"x": "s'", "h": "t", "p": "x", "u": "s", "v": "a", "w": "y", "N": "n + 1", "K": "k + 1"}
OF_A_MODEL = "satxh"
LARGEST = {"m": 4, "i": 4, "p": 3, "k": 3}  # sizes of axes that neither a model nor the number of outcomes decides
LEAST = {"i": 1, "m": 1, "p": 1, "k": 1}


def axes_text(axes: str) -> str:
    """Axes as they are written: [s, a, s'].

    >>> axes_text("tsa"), axes_text("sax"), axes_text("")
    ('[t, s, a]', "[s, a, s']", 'a number')
    """
    return f"[{', '.join(AXIS_NAMES.get(letter, letter) for letter in axes)}]" if axes else "a number"


def lettered(axes: str, *, reward: str, policy: str, counts: str, infinite: bool = False) -> str:
    """Axes with those of a layout in place of R, P and C; without a horizon there are no steps.

    >>> lettered("Rk", reward="sas", policy="tsa", counts="sa")
    'saxk'
    >>> lettered("hs", reward="sa", policy="tsa", counts="sa", infinite=True)
    's'
    """
    own = {"R": reward, "r": reward, "P": policy, "V": policy[:-1], "C": counts}
    if infinite:
        own = {letter: axes.replace("t", "") for letter, axes in own.items()} | {"t": "", "h": ""}
    return "".join(own.get(letter, letter) for letter in axes).replace("sas", "sax")
