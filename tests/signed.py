"""Artifacts that somebody changes who has the key: what else refuses them is tested behind a signature that holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tradesieve.models.artifact.manifest import MANIFEST_FILE, file_checksum, manifest_text
from tradesieve.models.artifact.signatures import SIGNATURE_FILE, Keys, installation_keys


def read(folder: Path) -> dict[str, Any]:
    """Read a manifest as it is."""
    return json.loads((folder / MANIFEST_FILE).read_text())


def sign(folder: Path, text: str | dict[str, Any], keys: Keys | None = None) -> None:
    """Write the text of a manifest, or the manifest itself, and its signature."""
    content = (text if isinstance(text, str) else manifest_text(text)).encode("latin-1")
    (folder / MANIFEST_FILE).write_bytes(content)
    (folder / SIGNATURE_FILE).write_bytes((keys or installation_keys()).sign(content))


def reseal(folder: Path, keys: Keys | None = None) -> None:
    """Make the manifest and the signature agree with altered files."""
    manifest = read(folder)
    sign(folder, manifest | {"files": {name: file_checksum(folder / name) for name in manifest["files"]}}, keys)
