"""tradesieve strategies list: every rule and modifier, its parameters, and an example that parses."""

from __future__ import annotations

from pathlib import Path

from tests.pipelines.command_runs import Command, refuses
from tradesieve.features.user_modules import isolated_modules
from tradesieve.strategies.registry import MODIFIERS, RULES, count_available, parse_strategy

MY_RULES = """
from tradesieve import rule

@rule(lookback=2)
def up_close(bars, least=0.01):
    \"\"\"Follow a bar that closes above its open.\"\"\"
    return (bars.close > bars.open * (1 + least)).astype(int)
"""


def test_every_rule_and_modifier_is_listed_with_an_example_that_parses(run: Command) -> None:
    found = run("strategies", "list", "--json").json()
    assert [row["name"] for row in found["rules"]] == list(RULES)
    assert [row["name"] for row in found["modifiers"]] == list(MODIFIERS)
    for row in found["rules"]:
        assert parse_strategy(row["example"]).id == row["example"]
        assert row["n_strategies"] == count_available([row["name"]])
    for row in found["modifiers"]:
        assert row["example"] in parse_strategy(f"volatility_breakout+{row['example']}").id
    for row in (*found["rules"], *found["modifiers"]):
        assert row["description"]
        for parameter in row["parameters"]:
            assert parameter["description"], f"{row['name']}: {parameter['name']} is not described"


def test_a_name_shows_its_parameters(run: Command) -> None:
    shown = run("strategies", "list", "trailing").out
    assert "parameters of trailing" in shown
    assert "how far it trails, in average true ranges" in shown
    assert "1.5 to 6" in shown
    refuses(run("strategies", "list", "trailling"), "did you mean 'trailing'?")


def test_rules_of_a_module_are_listed_too(run: Command, tmp_path: Path) -> None:
    (tmp_path / "my_rules.py").write_text(MY_RULES)
    with isolated_modules():
        found = run("strategies", "list", "up_close", "--modules", tmp_path / "my_rules.py", "--json").json()
    (own,) = found["rules"]
    assert own["example"] == "up_close(least=0.01)"
    assert "closes above its open" in own["description"]
