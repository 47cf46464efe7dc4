"""HistData: one-minute bars as ASCII in a zip, without a header and without volume, in a clock of its own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.frames import Stamps
from tradesieve.market.sources.vendors.base import Given, Read, Vendor, in_order, without_duplicates
from tradesieve.market.sources.vendors.semicolon_rows import all_silent, ascii_frame

# The vendor says New York's winter time all year. Measured against a second and a third source of the same bars, 2018
# is New York's wall clock, and 2019 is five hours behind UTC with summer time on the dates of Europe, which is the
# wall clock of Paris less six hours. (zone, hours that the file is behind the zone)
_MEASURED = {2018: ("America/New_York", 0), 2019: ("Europe/Paris", 6)}


def _recognises(head: bytes, name: str) -> bool:
    return all_silent(head) is True


def _read(path: Path, given: Given) -> Read:
    """Read bars that are stamped with their opens.

    The clock is the one that was measured for the year; for any other year the time zone has to be given.
    """
    notes: list[str] = []
    frame = ascii_frame(path)
    frame = without_duplicates(frame, notes)
    if given.stamps.timezone is not None:
        return Read(in_order(frame, "time", notes), Stamps(meaning="open"), tuple(notes))
    years = frame["time"].dt.year
    for year in sorted(set(years)):
        if year not in _MEASURED:
            raise BadInput(
                f"{path}: the clock of HistData files of {year} was not measured, and is not always the one that the "
                "vendor states; give it with --timezone, as America/New_York (with summer time) or Etc/GMT+5 (without)"
            )
    parts = []
    for year in sorted(set(years)):
        zone, behind = _MEASURED[int(year)]
        local = frame["time"][years == year] + pd.Timedelta(hours=behind)
        notes.append(f"the clock of {year} is {zone}{f' less {behind} hours' if behind else ''}, as measured")
        try:
            parts.append(local.dt.tz_localize(zone).dt.tz_convert("UTC"))
        except ValueError as error:
            raise BadInput(f"{path}: a time does not exist in {zone}: {str(error).partition(', try')[0]}") from error
    frame = in_order(frame.assign(time=pd.concat(parts)), "time", notes)
    return Read(frame, Stamps(meaning="open"), tuple(notes))


HISTDATA = Vendor("HistData ASCII", _recognises, _read)
