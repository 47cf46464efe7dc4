"""The journal: what the bot did, one JSON line at a time, on disk before the bot goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from market.errors import BadInput


class Journal:
    """An append-only file of JSON lines.

    Parameters
    ----------
    path : the file; its folder is made. Lines are added to what is there.

    Raises
    ------
    BadInput : if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115  closed by `close`
        except OSError as error:
            raise BadInput(f"the journal {path} cannot be written: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, event: str, time: int, **values: Any) -> None:
        """Write one line and see it onto the disk. NaN becomes null.

        Parameters
        ----------
        event : what happened, such as ``decision``, ``closed`` or ``stopped``.
        time : int64 ns UTC of the bar at whose close it happened.
        """
        clean = {key: None if isinstance(value, float) and value != value else value for key, value in values.items()}
        try:
            self._file.write(json.dumps({"event": event, "time": time, **clean}, allow_nan=False) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise BadInput(f"the journal {self.path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a journal; a last line that was cut short by a crash is left out.

    Raises
    ------
    BadInput : if the file is missing, or a line other than the last is damaged.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise BadInput(f"the journal {path} cannot be read: {error.strerror}") from error
    entries = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            entries.append(json.loads(line))
        except ValueError as error:
            if number == len(lines):
                break
            raise BadInput(f"the journal {path}: line {number} is damaged: {error}") from error
    return entries
