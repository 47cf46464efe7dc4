from __future__ import annotations

import pytest

from tradesieve.market.errors import BadData, BadInput, Refused, TradesieveError, Transient, Unknown


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        ("sortnio", ["sharpe", "sortino"], "unknown fitness 'sortnio': did you mean 'sortino'?"),
        ("qqq", ["sharpe", "sortino"], "unknown fitness 'qqq': known: sharpe, sortino"),
        ("x", [], "unknown fitness 'x': known: none"),
        (None, ["sharpe"], "unknown fitness None: known: sharpe"),
    ],
)
def test_an_unknown_name_gets_the_nearest_or_all(name, known, message):
    assert str(Unknown("fitness", name, known)) == message


def test_the_tree_is_as_drawn():
    assert issubclass(Unknown, BadInput)
    for kind in (BadInput, BadData, Refused, Transient):
        assert issubclass(kind, TradesieveError)
    # Only a Transient is retried: nothing else may count as one.
    assert not any(issubclass(kind, Transient) for kind in (BadInput, BadData, Refused, Unknown))
