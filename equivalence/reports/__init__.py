"""Verdicts and claims as people and programs read them.

    standing   what the verdicts on a claim amount to, and the sentence that says what was established
    table      verdicts as a table for a terminal
    statement  the list of claims, and one claim in full
    rows       verdicts and claims as JSON
    targets    the list of what can be judged
    wrapped    a report within the width of a terminal
    certificates   certificates as files

Nothing here decides anything: the words are those of `equivalence.evidence.verdict`.
"""
