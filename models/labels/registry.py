"""The labels by name."""

from __future__ import annotations

from tradesieve.features.user_definitions import defined
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.labels.base import Label
from tradesieve.models.labels.outcomes import NET_RETURN, R_MULTIPLE, TARGET_BEFORE_STOP, WON
from tradesieve.models.labels.scaled_return import SCALED_RETURN
from tradesieve.models.labels.top_quantile import TopQuantileOfWeek
from tradesieve.models.labels.triple_barrier import TripleBarrier
from tradesieve.strategies.parameter_text import parse_name, parse_variants

KIND = "label"
"""As `features.user_definitions` knows the user's own."""

_PARAMETRISED: dict[str, type[TopQuantileOfWeek] | type[TripleBarrier]] = {
    kind.name: kind for kind in (TopQuantileOfWeek, TripleBarrier)
}

LABELS: dict[str, Label] = {
    label.name: label
    for label in (
        SCALED_RETURN,
        WON,
        NET_RETURN,
        R_MULTIPLE,
        TARGET_BEFORE_STOP,
        *(kind().label(name) for name, kind in _PARAMETRISED.items()),
    )
}
"""Those with parameters have their defaults here."""


def label_named(name: str) -> Label:
    """Return the label of this name, such as ``won``, ``triple_barrier(horizon=20,width=2)``, or one of a user module.

    Raises
    ------
    Unknown : if there is no such label, or it has no such parameter.
    BadInput : if a parameter is out of range.
    """
    known = {**LABELS, **defined(KIND)}
    if name in known:
        return known[name]
    kind = _PARAMETRISED.get(parse_name(name)) if "(" in name else None
    if kind is None:
        raise Unknown("label", name, known)
    variants = parse_variants(kind, name)
    if len(variants) > 1:
        raise BadInput(f"label {name}: give each parameter one value, and list the labels that are searched together")
    return variants[0].label(name)


def is_users(label: Label) -> bool:
    """Tell whether a user module defines a label."""
    return defined(KIND).get(label.name) is label
