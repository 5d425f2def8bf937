"""Prose within a width; code and tables, which are indented, as they are."""

from textwrap import wrap

CODE = "    "


def wrapped(text: str, width: int) -> str:
    """The text with its long sentences broken at blanks, and what follows of them indented.

    >>> print(wrapped("covered: 3 with several starts\\n    policy = np.array([[0.25, 0.75]])", 20))
    covered: 3 with
      several starts
        policy = np.array([[0.25, 0.75]])
    """
    lines = []
    for line in text.splitlines():
        if len(line) <= width or line.startswith(CODE):
            lines.append(line)
        else:
            lines += wrap(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)
