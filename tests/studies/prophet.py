"""What Prophet's factors add on small planted markets: ``python -m tests.studies.prophet``, where Prophet is installed.

The default plan searches one market with the features `minimal` and `aligned`, and with Prophet's factors beside each;
every winner is judged on a fresh market of the same law. One market of each kind shows a large gain or its absence,
nothing finer. It writes `tests/studies/PROPHET.md`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.studies.market_kinds import KINDS
from tests.studies.tables import Row, markdown
from tradesieve.models.fitness.measures import measure
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search

TABLE = Path(__file__).with_name("PROPHET.md")
NAMES, SEED, FRESH_SEED, N_DAYS = ("trend 0.15", "hours"), 0, 10_000, 90
PROPHET = "bars_aligned__prophet_trend|prophet_daily|prophet_weekly|prophet_forecast__days_14"
FEATURES = {
    "minimal": ("minimal",),
    "minimal and Prophet": ("minimal", PROPHET),
    "aligned": ("aligned",),
    "aligned and Prophet": ("aligned", PROPHET),
}


def run(kind: str, features: tuple[str, ...]) -> Row:
    """Search one market and judge the winner on a fresh one."""
    short, started = replace(KINDS[kind], n_days=N_DAYS), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        own, fresh = (short.dataset(seed, Path(folder) / str(seed), Plan(), features) for seed in (SEED, FRESH_SEED))
    made = time.process_time() - started
    result = search(own, Plan(), n_jobs=1)
    sizes = np.zeros(len(fresh))
    if result.model is not None and result.application is not None:
        sizes = result.application.sizes(result.model.predict(fresh.X), fresh.instance)
    judged = measure(fresh, sizes)
    return {
        "winner": "none" if result.winner is None else result.winner.candidate.estimator,
        "Sortino, out of fold": "–" if result.winner is None else f"{result.winner.measures.sortino:.1f}",
        "Sortino, fresh": f"{judged.sortino:.1f}" if judged.n_trades else "no trades",
        "net a trade, fresh": f"{1e4 * judged.expectancy:.1f} bp" if judged.n_trades else "–",
        "taken, fresh": f"{judged.coverage:.0%}",
        "seconds of features": f"{made:.0f}",
    }


def main() -> None:
    """Run all and write the table."""
    rows = []
    for kind in NAMES:
        for name, features in FEATURES.items():
            rows.append({"market": kind, "features": name, **run(kind, features)})
            sys.stderr.write(f"{rows[-1]}\n")
    text = f"""\
# What Prophet's factors add

Made by `python -m tests.studies.prophet`. Two symbols, all rules, {N_DAYS} days of 15m bars, the default plan, one
market to learn from and a fresh one of the same law to be judged on. One market of each kind shows a large gain or its
absence, nothing finer. The rows of `aligned`, the default features, were added after those of `minimal` were seen,
because any further factors may help so small a set. The second set with Prophet takes its fits from the first one.

{markdown(rows)}
"""
    TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
