"""tradesieve data check: what is wrong with bars."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from market.bars import Bars, format_time
from market.errors import Unknown
from pipelines.commands.options import as_json
from pipelines.console import Console
from pipelines.settings import read_settings


@click.command()
@click.option("--symbols", help="Symbols, separated by commas; every stored one by default.")
@as_json
def check(symbols: str | None, as_json: bool) -> None:
    """Report gaps, constant prices, silent bars and jumps of the stored bars. Nothing is changed."""
    settings, console = read_settings(), Console(as_json=as_json)
    wanted = set(symbols.split(",")) if symbols else None
    stored = [pair for pair in settings.bars.list() if wanted is None or pair[0] in wanted]
    for symbol in wanted or ():
        if symbol not in {name for name, _ in stored}:
            raise Unknown("stored symbol", symbol, [name for name, _ in settings.bars.list()])
    rows = []
    with console.progress() as progress:
        for done, (symbol, timeframe) in enumerate(stored):
            progress("check", done, len(stored), f"{symbol} {timeframe}")
            rows.append(
                {"symbol": symbol, "timeframe": str(timeframe)} | _quality(settings.bars.load(symbol, timeframe))
            )
    console.json({"bars": rows})
    console.table("quality of the stored bars", rows)


def _quality(bars: Bars) -> dict[str, Any]:
    steps = np.diff(bars.close_time)
    gaps = steps > bars.timeframe.duration
    returns = np.abs(np.diff(bars.close) / bars.close[:-1])
    jump = int(np.argmax(returns)) + 1 if len(returns) else 0
    return {
        "bars": len(bars),
        "gaps": int(gaps.sum()),
        "longest_gap_hours": float(steps.max() / 3.6e12) if gaps.any() else 0.0,
        "missing_rate": float(
            1.0 - len(bars) / (1 + (bars.close_time[-1] - bars.close_time[0]) / bars.timeframe.duration)
        ),
        "constant_bars": int((bars.high == bars.low).sum()),
        "silent_bars": int((bars.volume == 0).sum()),
        "largest_move_rate": float(returns.max()) if len(returns) else 0.0,
        "at": format_time(bars.close_time[jump]),
    }
