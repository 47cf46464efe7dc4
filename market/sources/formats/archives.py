"""The content of a file: plain, gzip, or the one member of a zip, never larger than a stated limit.

Text in UTF-16, which begins with a mark, is handed on in UTF-8: no reader meets it.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from tradesieve.market.errors import BadInput

UNPACKED_LIMIT = 512 * 2**20
"""Bytes that a packed file may hold: about ten years of one-minute bars as text."""
HEAD_BYTES = 64 * 2**10
"""Bytes at the beginning of a file by which its vendor is recognised."""
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


def read_head(path: Path) -> tuple[bytes, str]:
    """Return the first `HEAD_BYTES` bytes of the content of a file, and the name of the content.

    Raises
    ------
    BadInput : as `open_unpacked`.
    """
    with _stream(path) as (stream, name):
        return _in_utf_8(stream.read(HEAD_BYTES), is_whole=False), name


def is_utf_16(path: Path) -> bool:
    """Tell whether the content of a file begins with the mark of UTF-16.

    Raises
    ------
    BadInput : as `open_unpacked`.
    """
    with _stream(path) as (stream, _):
        return stream.read(2) in _UTF_16_MARKS


@contextmanager
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open the content of a file, unpacked.

    Raises
    ------
    BadInput : if it cannot be opened, is truncated or damaged, is a zip of none or several files, needs a password,
        begins as UTF-16 and is not, or holds more than `UNPACKED_LIMIT` bytes. The bytes are counted: the size that a
        zip states may be false.
    """
    with _stream(path) as (stream, _):
        is_packed = not isinstance(stream, io.BufferedReader)
        if is_packed or is_utf_16(path):
            content = stream.read(UNPACKED_LIMIT + 1 if is_packed else -1)
            if is_packed and len(content) > UNPACKED_LIMIT:
                raise _too_large(path)
            try:
                stream = cast(BinaryIO, io.BytesIO(_in_utf_8(content, is_whole=True)))
            except UnicodeDecodeError as error:
                raise BadInput(f"{path}: not valid UTF-16: {error}") from error
        yield stream


def read_text(path: Path) -> str:
    """Return the content of a text file.

    Raises
    ------
    BadInput : as `open_unpacked`, or if it is not UTF-8 text.
    """
    try:
        with open_unpacked(path) as stream:
            return stream.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not valid UTF-8: {error}") from error


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file.

    Raises
    ------
    BadInput : as `read_text`.
    """
    return read_text(path).splitlines()


def read_json(path: Path) -> Any:
    """Return the value of a JSON file.

    Raises
    ------
    BadInput : as `open_unpacked`, or if it is not valid JSON.
    """
    try:
        with open_unpacked(path) as stream:
            return json.load(stream)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not valid JSON: {str(error).splitlines()[0]}") from error


def first_lines(head: bytes) -> list[str]:
    """Split the beginning of a text into whole lines; none when it is not text."""
    text = head.decode("utf-8-sig", errors="ignore")
    if b"\x00" in head or "\n" not in text:
        return []
    return [line.strip() for line in text[: text.rindex("\n")].splitlines()]


def _in_utf_8(content: bytes, *, is_whole: bool) -> bytes:
    if not content.startswith(_UTF_16_MARKS):
        return content
    # A part of a text may end within a character.
    return codecs.getincrementaldecoder("utf-16")().decode(content, final=is_whole).encode()


@contextmanager
def _stream(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
            file.seek(0)
            if magic[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield cast(BinaryIO, unpacked), path.stem if path.suffix.lower() == ".gz" else path.name
            elif magic[:2] == b"PK":
                with zipfile.ZipFile(file) as archive, archive.open(_only_member(path, archive)) as member:
                    yield cast(BinaryIO, member), Path(member.name).name
            else:
                yield file, path.name
    except BadInput:
        raise
    except _UNREADABLE as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise BadInput(f"{path}: cannot be read: {reason}") from error


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir()]
    # HistData packs a report of its gaps beside the bars.
    tables = [member for member in members if not (member.filename.lower().endswith(".txt") and len(members) > 1)]
    if len(tables) != 1:
        raise BadInput(f"{path}: the zip holds {len(tables)} files; expected one file of bars")
    if tables[0].file_size > UNPACKED_LIMIT:
        raise _too_large(path)
    return tables[0]


def _too_large(path: Path) -> BadInput:
    return BadInput(f"{path}: unpacks to more than {UNPACKED_LIMIT // 2**20} MiB, which is the limit")
