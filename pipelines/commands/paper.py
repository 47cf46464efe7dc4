"""tradesieve paper: the bot on replayed bars."""

from __future__ import annotations

from pathlib import Path
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
from tradesieve.pipelines.steps.instance_weights import read_configuration
from tradesieve.strategies.instance import Instance

_SHOWN = {
    "strategy": "strategy", "trades": "trades met", "taken": "taken", "refused": "refused",
    "taken_return": "net, taken", "refused_return": "net, refused",
}  # fmt: skip
_WEIGHED = {
    "weight_rate": "weight", "capital_rate": "earned, of the capital",
}  # fmt: skip


@click.command(cls=HelpPage)
@click.option("--symbol", required=True, shell_complete=complete_symbols,
              help="A symbol of the model whose bars are stored.")  # fmt: skip
@click.option("--timeframe", help="Required if the model has several.")
@click.option("--from", "start", help="Replay bars after this time, ISO 8601; all by default.")
@click.option("--to", "end", help="Replay bars up to this time, ISO 8601.")
@click.option("--url", help="URL of a service that runs with TRADESIEVE_CLOCK=replay; by default one is started.")
@click.option("--weights", type=click.Path(path_type=Path), metavar="FILE",
              help="Shares of the capital, from `trades weights --output FILE`.")  # fmt: skip
@as_json
def paper(
    symbol: str,
    timeframe: str | None,
    start: str | None,
    end: str | None,
    url: str | None,
    weights: Path | None,
    as_json: bool,
) -> None:
    """Replay stored bars through the bot and the service over HTTP, and compare the trades with those of research.

    The bot sends everything the model reads: bars of the symbol and of others, the trade's stop and target, which other
    instances of the rule agree, and the results of the instance's closed trades, also those from before the replay.

    With --weights, the journal says of each decision what it takes of the whole capital.

    Trades after the model's training are a look at its hold-out, which is recorded.

    \b
        tradesieve paper --symbol BTC-USD --from 2019-11-01 --to 2019-12-01
    """
    settings, console = read_settings(), Console(as_json=as_json)
    if not settings.champion.exists():
        raise BadInput("no model is exported yet: run `tradesieve model export` first")
    shares = None if weights is None else read_configuration(weights)
    with console.progress() as progress:
        result = replay(
            settings.champion.resolve(), settings, symbol=symbol, timeframe=timeframe,
            start_time=parse_time("--from", start), end_time=parse_time("--to", end), url=url,
            weights=shares, progress=progress,
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
        "strategies": _by_strategy(result),
        "taken": rows_of(taken),
    }


def _by_strategy(result: PaperResult) -> list[dict[str, Any]]:
    rows = []
    for (strategy, symbol, timeframe), own in result.trades.groupby(["strategy", "symbol", "timeframe"]):
        taken, refused = own[own["size"] > 0], own[own["size"] == 0]
        row = {
            "strategy": strategy,
            "trades": len(own),
            "taken": len(taken),
            "refused": len(refused),
            "taken_return": float(taken["net_return"].mean()) if len(taken) else None,
            "refused_return": float(refused["net_return"].mean()) if len(refused) else None,
        }
        if result.weights is not None:
            weight = result.weights[str(Instance(str(strategy), str(symbol), str(timeframe)))]
            earned = weight * float((own["stake"] * own["size"] * own["net_return"]).sum())
            row |= {"weight_rate": weight, "capital_rate": earned}
        rows.append(row)
    return rows


def show_paper(console: Console, result: PaperResult) -> None:
    """Print the trades that the bot met and took, and whether research agrees."""
    rows, weighed = _by_strategy(result), result.weights is not None
    console.table(
        f"Paper trading over {result.n_bars:,} bars, mean net return per trade",
        abbreviate(rows, "strategy"),
        _SHOWN | (_WEIGHED if weighed else {}),
    )
    if weighed:
        console.say(
            f"earned by all, of the whole capital, not compounded: {sum(row['capital_rate'] for row in rows):.2%}"
        )
    verdict = "equal bit for bit" if result.agrees else "DIFFERENT"
    console.say(
        f"The service was asked {result.n_asked:,} times. Live and research, trade for trade (times, prices, sizes, "
        f"scores): {verdict}. Journal: {result.journal}"
    )
