"""Instances: the stored name and its parts."""

import pytest

from tradesieve.market.errors import BadInput
from tradesieve.strategies.instance import Instance


def test_the_stored_name_reads_back():
    instance = Instance("rule(x=1)", "BTC-USD", "5m")
    assert str(instance) == "rule(x=1)|BTC-USD|5m"
    assert Instance.parse(str(instance)) == instance


def test_an_instance_knows_its_rule_and_its_series():
    instance = Instance.parse("rule(x=1)+trailing(ranges=3)|BTC-USD|5m")
    assert instance.strategy == "rule(x=1)+trailing(ranges=3)"
    assert instance.rule == "rule"
    assert instance.series == ("BTC-USD", "5m")


@pytest.mark.parametrize("name", ["", "rule()|BTC-USD", "rule()|BTC-USD|5m|1h", "rule()||5m"])
def test_any_other_name_is_refused_with_the_form_expected(name):
    with pytest.raises(BadInput, match=r"expected strategy\|symbol\|timeframe") as refused:
        Instance.parse(name)
    assert repr(name) in str(refused.value)
