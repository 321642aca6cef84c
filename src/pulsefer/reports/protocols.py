"""Protocols as a report has them: in order, in words, and which of them leak."""

from __future__ import annotations

from pulsefer.samples.split import LEAKY, PROTOCOLS, By

LADDER: tuple[By, ...] = (
    "window_within",
    "window_pooled",
    "block_within_trial",
    "trial_within",
    "trial_pooled",
    "stimulus",
    "subject",
    "subject_x_stimulus",
)
"""From what lets most cross to what lets nothing cross. A new person is asked more of than a new
clip: whoever uses a network meets new persons."""

ACROSS = "trained on "
"""Begins the protocol of figures on data of which nothing was learned."""
MINUS = "−"
"""Stands between the two sides of a difference."""


def base(protocol: str) -> str:
    """The name that says what may cross.

    >>> base("subject, trained on deap+mahnob_hci")
    'subject'
    """
    return protocol.partition(",")[0].strip()


def is_leaky(protocol: str) -> bool:
    """Whether one trial stands on both sides."""
    return base(protocol) in LEAKY


def is_known(protocol: str) -> bool:
    """Whether this version can say what may cross, on both sides of a difference."""
    sides = [base(side.strip()) for side in protocol.split(MINUS)]
    return all(side in PROTOCOLS or side.startswith(ACROSS) for side in sides)


def is_honest(protocol: str) -> bool:
    """Whether a figure by it may be called one of emotion. An unknown name may not."""
    return MINUS not in protocol and is_known(protocol) and not is_leaky(protocol)


def strictness(protocol: str) -> int:
    """Place on the ladder, the strictest last; names that are not on it come before all."""
    name = base(protocol)
    if name.startswith(ACROSS):
        return len(LADDER)
    return LADDER.index(name) if name in LADDER else -1


def may_cross(protocol: str) -> str:
    """What may cross from the training side, in words; "" for a name that is not on the ladder.

    >>> may_cross("subject")
    'the clips, watched by other persons'
    """
    return {str(name): words for name, words in PROTOCOLS.items()}.get(base(protocol), "")


def in_words(protocol: str) -> str:
    """With the word that belongs before it."""
    # A difference of two protocols, and a test on another data set, are not by a unit.
    bare = MINUS in protocol or protocol.startswith(ACROSS)
    return protocol if bare else f"by {protocol}"
