"""tradesieve data costs: the default costs of each kind of instrument, and where they come from."""

from __future__ import annotations

from dataclasses import asdict

import click

from tradesieve.market.default_costs import COST_SOURCES, DEFAULT_COSTS, UNDESCRIBED
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.help_pages import HelpPage

_NAMES = {"maker_fee": "maker", "taker_fee": "taker", "half_spread": "half-spread", "slippage": "slippage"}


@click.command(cls=HelpPage)
@as_json
def costs(as_json: bool) -> None:
    """Show the default costs of each kind of instrument, and the published schedules that they come from.

    Rates are in basis points of the price, per side. The kind of a symbol, and costs of its own, are set under
    `instruments` in the YAML of --config; options such as --taker set them for every symbol.
    """
    console = Console(as_json=as_json)
    console.json(
        {
            "unit": "fraction of the price, per side",
            "without_a_kind": UNDESCRIBED,
            "kinds": [{"kind": kind, **DEFAULT_COSTS[kind], **asdict(COST_SOURCES[kind])} for kind in DEFAULT_COSTS],
        }
    )
    rows = [
        {"kind": kind, **{name: f"{10_000 * rate:.4g}" for name, rate in rates.items()}}
        for kind, rates in DEFAULT_COSTS.items()
    ]
    console.table("default costs, bp of the price a side", rows, {"kind": "kind", **_NAMES})
    for kind, source in COST_SOURCES.items():
        console.say(f"{kind}: {source.fees}. Spread: {source.spread}. Checked: {source.checked}.")
    console.say(
        f"A symbol without a kind has the costs of a {UNDESCRIBED}. Half-spread and slippage are assumptions, half of "
        "the stated spread each. Funding and borrow are 0 unless --funding and --borrow, or long_carry and "
        "short_carry, set them."
    )
