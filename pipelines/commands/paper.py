"""tradesieve paper: the bot on replayed bars."""

from __future__ import annotations

from typing import Any

import click

from tradesieve.market.errors import BadInput, Refused
from tradesieve.pipelines.commands.shared.completion import complete_symbols
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.commands.shared.table_output import rows_of
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment import parse_time
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.runs.paper_replay import PaperResult, difference, replay
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.short_names import abbreviate

_SHOWN = {
    "strategy": "strategy", "trades": "trades met", "taken": "taken", "refused": "refused",
    "taken_return": "net, taken", "refused_return": "net, refused",
}  # fmt: skip


@click.command(cls=HelpPage)
@click.option("--symbol", required=True, shell_complete=complete_symbols,
              help="A symbol of the model whose bars are stored.")  # fmt: skip
@click.option("--timeframe", help="Required if the model has several.")
@click.option("--from", "start", help="Replay bars after this time, ISO 8601; all by default.")
@click.option("--to", "end", help="Replay bars up to this time, ISO 8601.")
@click.option("--url", help="URL of a service that runs with TRADESIEVE_CLOCK=replay; by default one is started.")
@as_json
def paper(
    symbol: str, timeframe: str | None, start: str | None, end: str | None, url: str | None, as_json: bool
) -> None:
    """Replay stored bars through the bot and the service over HTTP, and compare the trades with those of research.

    The bot sends everything the model reads: bars of the symbol and of others, the trade's stop and target, which other
    instances of the rule agree, and the results of the instance's closed trades, also those from before the replay.

    Trades after the model's training are a look at its hold-out, which is recorded.

    \b
        tradesieve paper --symbol BTC-USD --from 2019-11-01 --to 2019-12-01
    """
    settings, console = read_settings(), Console(as_json=as_json)
    if not settings.champion.exists():
        raise BadInput("no model is exported yet: run `tradesieve model export` first")
    with console.progress() as progress:
        result = replay(
            settings.champion.resolve(), settings, symbol=symbol, timeframe=timeframe,
            start_time=parse_time("--from", start), end_time=parse_time("--to", end), url=url, progress=progress,
        )  # fmt: skip
    console.json(describe(result))
    show_paper(console, result)
    broken = difference(result.trades, result.research)
    if broken is not None:
        raise Refused(f"live and research differ: {broken}")


def describe(result: PaperResult) -> dict[str, Any]:
    """Return a replay as plain values."""
    taken = result.trades[result.trades["size"] > 0]
    return {
        "n_bars": result.n_bars,
        "n_asked": result.n_asked,
        "n_trades": len(result.trades),
        "n_taken": len(taken),
        "agrees_with_research": result.agrees,
        "journal": str(result.journal),
        "taken": rows_of(taken),
    }


def show_paper(console: Console, result: PaperResult) -> None:
    """Print the trades that the bot met and took, and whether research agrees."""
    rows = []
    for strategy, own in result.trades.groupby("strategy"):
        taken, refused = own[own["size"] > 0], own[own["size"] == 0]
        rows.append(
            {
                "strategy": strategy,
                "trades": len(own),
                "taken": len(taken),
                "refused": len(refused),
                "taken_return": float(taken["net_return"].mean()) if len(taken) else None,
                "refused_return": float(refused["net_return"].mean()) if len(refused) else None,
            }
        )
    console.table(
        f"Paper trading over {result.n_bars:,} bars, mean net return per trade",
        abbreviate(rows, "strategy"),
        _SHOWN,
    )
    verdict = "equal bit for bit" if result.agrees else "DIFFERENT"
    console.say(
        f"The service was asked {result.n_asked:,} times. Live and research, trade for trade (times, prices, sizes, "
        f"scores): {verdict}. Journal: {result.journal}"
    )
