"""The journal: what the bot did, one JSON line per event, on disk before the bot goes on."""

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
    """Append events to a file of JSON lines.

    Parameters
    ----------
    path : the file; its folder is created. An existing journal is continued; a last line that a crash left incomplete
        is removed.

    Raises
    ------
    BadInput : if the file cannot be written, or its last line is not one of a journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: a line that a full disk rejected must not reappear with a later one.
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115  closed by `close`
            if self.path.is_file():
                self._repair_last_line()
        except OSError as error:
            raise BadInput(f"the journal {path} cannot be written: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, event: str, time: int, **values: Any) -> None:
        """Write one line and flush it to disk. NaN and infinities become null.

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

    def entries(self) -> list[dict[str, Any]]:
        """Read all lines, those of earlier sessions too; none of what is no regular file."""
        if not self.path.is_file():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _repair_last_line(self) -> None:
        """Terminate a complete last line that lacks its newline; remove an incomplete one."""
        content = self.path.read_bytes()
        last = content[content.rfind(b"\n") + 1 :]
        if not last:
            return
        if not last.startswith(b"{"):
            self._file.close()
            raise BadInput(f"{self.path} is not a journal: its last line is {last[:40].decode(errors='replace')!r}")
        try:
            json.loads(last)
            self._file.write(b"\n")
        except ValueError:
            self._file.truncate(len(content) - len(last))
