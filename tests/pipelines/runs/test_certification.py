"""Certificates: rules and factors that look ahead are found on the run's own bars."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.pipelines.runs.certification import certify
from tradesieve.pipelines.steps.chunk_trades import trade_chunks
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset


def test_an_experiment_that_cheats_gets_no_certificate(finished: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alarm: a rule that looks one bar ahead is found out on the run's own bars."""
    from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout

    honest = VolatilityBreakout.signals

    def peeking(self: VolatilityBreakout, bars: Bars) -> Any:
        if len(bars) < 2:
            return honest(self, bars)
        shifted = replace(
            bars,
            **{
                name: np.append(getattr(bars, name)[1:], getattr(bars, name)[-1:])
                for name in ("open", "high", "low", "close", "volume")
            },
        )
        return honest(self, shifted)

    chunks = load_chunks(finished.experiment, finished.settings)
    development = build_dataset(finished.experiment, chunks, finished.settings)
    parts = [each.development(development.period[1]) for each in trade_chunks(chunks, finished.settings)]
    assert certify(finished.experiment, parts) == {"causality": True, "parity": True}
    monkeypatch.setattr(VolatilityBreakout, "signals", peeking)
    verdict = certify(finished.experiment, parts)["causality"]
    assert isinstance(verdict, str)
    assert "volatility_breakout" in verdict
    assert "looks at the future" in verdict
