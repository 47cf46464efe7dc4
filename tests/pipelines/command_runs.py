"""Commands as a user runs them, for the tests: what they said, how they ended, and whether they refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.pipelines.command_line import main

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Command = Callable[..., Ended]
State = Callable[[Path], dict[str, str]]


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run a command in this process; return how it would end."""
    monkeypatch.setattr(sys, "argv", ["tradesieve", *map(str, arguments)])
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return 0


def process(*arguments: object, home: Path, **options: Any) -> subprocess.Popen[str]:
    """Start a command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tradesieve.pipelines.command_line", *map(str, arguments)],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
        | {"TRADESIEVE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


_PROGRESS = re.compile(r" *\d+\.\d s  \w+ \d+ of \d+: ")


def refuses(ended: Ended, *said: str) -> None:
    """Check the one clear line; a slow machine shows progress before it."""
    assert ended.code == 2, ended
    assert ended.out == ""
    (line,) = (line for line in ended.err.splitlines() if not _PROGRESS.match(line))
    assert line.startswith("tradesieve: ")
    for text in said:
        assert text in line, line


def ended(process: subprocess.Popen[str], seconds: float = 120) -> Ended:
    out, err = process.communicate(timeout=seconds)
    return Ended(process.returncode, out, err)


def frame_of(bars: Bars, **changes: Any) -> pd.DataFrame:
    """Write bars as a vendor does, with the open time in whole seconds."""
    columns = {
        "time": bars.open_time // 1_000_000_000,
        **{name: getattr(bars, name).copy() for name in ("open", "high", "low", "close", "volume")},
    }
    return pd.DataFrame(columns | changes)
