"""The journal: what the bot did, one JSON line at a time, on disk before the bot goes on."""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tradesieve.market.errors import BadInput


class Journal:
    """An append-only file of JSON lines.

    Parameters
    ----------
    path : the file; its folder is made. Lines are added to what is there; a last line that a crash cut short goes.

    Raises
    ------
    BadInput : if it cannot be written, or ends like no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Without a buffer: a line that a full disk refused must not come back with a later one.
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115  closed by `close`
            if self.path.is_file():
                self._mend()
        except OSError as error:
            raise BadInput(f"the journal {path} cannot be written: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, event: str, time: int, **values: Any) -> None:
        """Write one line and see it onto the disk. What is not finite becomes null.

        Parameters
        ----------
        event : what happened, such as ``decision``, ``addition``, ``closed`` or ``stopped``.
        time : int64 ns UTC of the bar at whose close it happened.
        """
        clean = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in values.items()
        }
        line = (json.dumps({"event": event, "time": time, **clean}, allow_nan=False) + "\n").encode()
        size = os.fstat(self._file.fileno()).st_size
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(size)
            raise BadInput(f"the journal {self.path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _mend(self) -> None:
        """End a last line that lacks its end, or take it back when it is not whole."""
        content = self.path.read_bytes()
        last = content[content.rfind(b"\n") + 1 :]
        if not last:
            return
        if not last.startswith(b"{"):
            self._file.close()
            raise BadInput(f"{self.path} is no journal: its last line is {last[:40].decode(errors='replace')!r}")
        try:
            json.loads(last)
            self._file.write(b"\n")
        except ValueError:
            self._file.truncate(len(content) - len(last))


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a journal; a last line that was cut short by a crash is left out.

    Raises
    ------
    BadInput : if the file is missing or is no text, or a line other than the last is damaged.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise BadInput(f"the journal {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"the journal {path} is damaged: {error}") from error
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
