"""tradesieve strategies list: the rules and modifiers that strategies are made of."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import click

from tradesieve.features.user_modules import load_user_modules
from tradesieve.market.errors import Unknown
from tradesieve.pipelines.commands.shared.completion import complete_strategies
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.commands.shared.tables import pluralise
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment_assembly import split_commas
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.strategies.modifiers.base import ASPECTS, Modifier
from tradesieve.strategies.registry import MODIFIERS, RULES, get_rule, rules_of
from tradesieve.strategies.strategy import Strategy

_RULES = {"example": "rule, with its defaults", "n_strategies": "grid", "description": "description"}
_MODIFIERS = {"example": "modifier, with its defaults", "sets": "sets", "description": "description"}
_PARAMETERS = {"name": "parameter", "default": "default", "searched": "searched", "description": "description"}


@click.command("list", cls=HelpPage)
@click.argument("search", required=False, shell_complete=complete_strategies)
@click.option("--module", "--modules", "modules", metavar="FILE,...", help="Files with rules of your own.")
@as_json
def list_(search: str | None, modules: str | None, as_json: bool) -> None:
    """List rules and modifiers, or those with SEARCH in name or description.

    A strategy is a rule, followed by any number of modifiers. A rule without parentheses stands for its grid, `all`
    for the grids of all rules, and several values for several strategies.

    \b
        tradesieve strategies list trailing
        tradesieve trades stats --strategies 'dip_buying+trailing(ranges=2|3)'
    """
    console = Console(as_json=as_json)
    own = rules_of(load_user_modules(split_commas(modules)))
    rules = [_rule(get_rule(name)) for name in (*RULES, *own)]
    modifiers = [_modifier(kind) for kind in MODIFIERS.values()]
    if search is not None:
        wanted = search.lower()
        rules, modifiers = ([row for row in rows if wanted in _text(row)] for rows in (rules, modifiers))
        if not (rules or modifiers):
            raise Unknown("rule or modifier", search, [*RULES, *own, *MODIFIERS])
    console.json({"rules": rules, "modifiers": modifiers})
    if rules:
        title = f"{pluralise(len(rules), 'rule')}, with the number of strategies in the grid"
        console.table(title, _spaced(rules), _RULES)
    if modifiers:
        title = f"{pluralise(len(modifiers), 'modifier')}, written after a rule and +"
        console.table(title, _spaced(modifiers), _MODIFIERS)
    shown = [*rules, *modifiers]
    exact = [row for row in shown if row["name"] == search] or shown
    if len(exact) == 1:
        console.table(f"parameters of {exact[0]['name']}", exact[0]["parameters"], _PARAMETERS)
    elif search is None:
        console.say("tradesieve strategies list NAME describes the parameters of one")


def _rule(kind: type[Strategy]) -> dict[str, Any]:
    grid = kind.default_grid()
    searched = {name: "|".join(f"{value:g}" for value in values) for name, values in grid.items()}
    described = _described(kind, searched)
    example = "+".join([described["example"], *kind.own_modifiers])
    return described | {"example": example, "n_strategies": math.prod(map(len, grid.values()))}


def _modifier(kind: type[Modifier]) -> dict[str, Any]:
    searched = {name: f"{low:g} to {high:g}" for name, (low, high) in kind.search_range.items()}
    return _described(kind, searched) | {"sets": ASPECTS[kind.aspect]}


def _described(kind: type[Strategy] | type[Modifier], searched: dict[str, str]) -> dict[str, Any]:
    """Return what rules and modifiers have in common.

    Parameters
    ----------
    searched : the values of each parameter in its grid, or the range that an optimisation searches.
    """
    default, descriptions = kind(), kind.describe_parameters()
    return {
        "name": kind.name,
        "example": default.id,
        "description": (kind.__doc__ or "").partition("\n\n")[0].strip().replace("`", ""),
        "parameters": [
            {"name": field.name, "default": str(getattr(default, field.name)), "searched": searched.get(field.name),
             "description": descriptions[field.name]}
            for field in fields(kind)
        ],
    }  # fmt: skip


def _spaced(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put spaces after commas, where a narrow column can break."""
    return [row | {"example": row["example"].replace(",", ", ")} for row in rows]


def _text(row: dict[str, Any]) -> str:
    return f"{row['name']} {row['description']}".lower()
