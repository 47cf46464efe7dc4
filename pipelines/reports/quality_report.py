"""The quality report: what a check of bars found, as one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tradesieve.market.bars import format_time
from tradesieve.market.quality.checks import CheckResult
from tradesieve.pipelines.reports.figures.quality_chart import quality_chart
from tradesieve.pipelines.reports.html import render, write_page


def quality_html(checks: Sequence[CheckResult]) -> str:
    """Render one page of several checks, with all that it shows embedded."""
    return render(
        "quality_report",
        title="Quality of bars",
        checks=[
            {
                "name": f"{checked.bars.symbol} {checked.bars.timeframe}",
                "n_bars": len(checked.bars),
                "first_close": format_time(checked.bars.close_time[0]),
                "last_close": format_time(checked.bars.close_time[-1]),
                "checked": checked,
                "chart": quality_chart(checked),
            }
            for checked in checks
        ],
    )


def write_quality_report(checks: Sequence[CheckResult], path: Path) -> None:
    """Write the page of several checks.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    write_page(quality_html(checks), path)
