"""Sealing: commands that show results stop where the hold-out begins, unless the look at it is written down.

The hold-out is that of an experiment with the same options: the last part of the time of its bars. A recorded look
counts like an opening, so it lowers the limits of every later experiment that has a symbol and a time of it in its
hold-out, see `models.significance.gate.GateLimits.at_opening`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tradesieve.market.bars import format_time
from tradesieve.models.splits import holdout_start
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk, period_of


@dataclass(frozen=True, eq=False)
class ShownChunks:
    """The chunks whose results a command may show.

    Parameters
    ----------
    chunks : with the bars up to the border, or with all bars.
    border : where the hold-out begins, int64 ns UTC; None where the bars are too few to have one.
    opening : number of the recorded look among the openings of this hold-out; None while it is sealed.
    left_out : names of the chunks that have no bars before the border.
    earlier_border : where the hold-out of an experiment that begins with the first stored bar begins; None unless
        results behind it are shown, because this one begins later.
    """

    chunks: list[Chunk]
    border: int | None
    opening: int | None
    left_out: tuple[str, ...]
    earlier_border: int | None

    def as_dict(self) -> dict[str, str | int | None]:
        """Return ``sealed_from`` and ``holdout_opening`` as plain values, for the output of a command."""
        sealed_from = None if self.border is None or self.opening else format_time(self.border)
        return {"sealed_from": sealed_from, "holdout_opening": self.opening}

    def describe(self) -> list[str]:
        """Return lines on where the results stop and why, and on looks that were recorded."""
        lines = [f"{name} is left out: all its bars lie in the hold-out" for name in self.left_out]
        if self.border is not None and self.opening is not None:
            lines += [
                f"the hold-out from {format_time(self.border)[:10]} on is included, and the look is recorded: opened "
                f"{self.opening} time(s) so far; the gate of an experiment that opens it next allows "
                f"1/{(self.opening + 1) ** 2} of the errors"
            ]
        elif self.border is not None:
            lines += [
                f"results stop at {format_time(self.border)[:10]}, where the hold-out begins: it stays sealed for the "
                "experiment; --with-holdout shows it too, and the look is recorded"
            ]
        if self.earlier_border is not None:
            lines += [
                f"without --from the hold-out begins at {format_time(self.earlier_border)[:10]}: what is shown of it "
                "is recorded as a look, for experiments that begin earlier"
            ]
        return lines


def holdout_border(experiment: Experiment, chunks: Sequence[Chunk]) -> int:
    """Return where the hold-out of an experiment on these chunks begins: int64 ns UTC, a midnight."""
    return holdout_start(period_of(chunks), fraction=experiment.plan.holdout_fraction)


def shown_chunks(
    experiment: Experiment, chunks: Sequence[Chunk], settings: Settings, *, with_holdout: bool, reason: str
) -> ShownChunks:
    """Cut the bars off where the hold-out begins, or record that it is looked at.

    What is cut off is neither simulated nor read, so nothing that is shown can depend on it. Where the bars are too few
    for an experiment, no hold-out is sealed.

    An experiment that begins later has a later border. What lies between the two is shown, but recorded as a look for
    experiments that begin earlier.

    Parameters
    ----------
    with_holdout : keep all bars and record the look in the ledger; the same look again counts once.
    reason : the command, for the ledger.

    Raises
    ------
    BadInput, Transient : if the ledger cannot be written.
    """
    start, end = period_of(chunks)
    planned = holdout_border(experiment, chunks)
    border = planned if start < planned <= end else None
    until = end if border is None or with_holdout else border - 1
    earlier = _earlier_border(experiment, end, settings)
    sealed_from = min(each for each in (border, earlier, end + 1) if each is not None)
    opening = None
    if sealed_from <= until:
        period = (max(sealed_from, start), until)
        opening = settings.ledger.open_once(experiment.hash, experiment.symbols, period, reason, look=True)
    cut = [_until(chunk, until) for chunk in chunks] if until < end else list(chunks)
    return ShownChunks(
        [chunk for chunk in cut if len(chunk.bars)],
        border,
        opening if with_holdout and border is not None else None,
        tuple(chunk.name for chunk in cut if not len(chunk.bars)),
        earlier if sealed_from <= until and sealed_from != border else None,
    )


def _earlier_border(experiment: Experiment, end: int, settings: Settings) -> int | None:
    """Return the border if the experiment began with the first stored bar of its symbols; None if it does."""
    if experiment.start is None:
        return None
    stored = [each for each in settings.bars.list() if each[0] in experiment.symbols]
    first = min(settings.bars.span(*each)[0] for each in stored)
    return holdout_start((first, end), fraction=experiment.plan.holdout_fraction)


def _until(chunk: Chunk, end_time: int) -> Chunk:
    finer = None if chunk.finer is None else chunk.finer.between(None, end_time)
    return replace(
        chunk,
        bars=chunk.bars.between(None, end_time),
        finer=finer if finer is not None and len(finer) else None,
        others={symbol: bars.between(None, end_time) for symbol, bars in chunk.others.items()},
    )
