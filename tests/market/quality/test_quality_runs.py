"""Runs of rows against a plain loop over the rows."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tradesieve.market.quality.runs import find_runs


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 4))
def test_runs_are_those_of_a_plain_loop(marks: list[bool], least: int) -> None:
    expected, row = [], 0
    for mark, group in groupby(marks):
        length = len(list(group))
        if mark and length >= least:
            expected.append((row, length))
        row += length
    runs = find_runs(np.array(marks, np.bool_)).at_least(least)
    assert list(zip(runs.start.tolist(), runs.length.tolist(), strict=True)) == expected
    assert runs.stop.tolist() == [start + length for start, length in expected]
    rows = [each for start, length in expected for each in range(start, start + length)]
    assert runs.rows().tolist() == rows
    assert runs.rows(without_first=True).tolist() == [each for each in rows if each not in runs.start]
