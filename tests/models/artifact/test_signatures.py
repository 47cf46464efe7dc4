"""Signatures: an artifact that anybody has changed, or that nobody trusted has signed, is not loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import signed
from tests.signed import sign
from tradesieve.market.errors import BadInput, Refused, Unknown
from tradesieve.models.artifact.artifact import Artifact, load_artifact, release
from tradesieve.models.artifact.manifest import MANIFEST_FILE, file_checksum, manifest_text
from tradesieve.models.artifact.signatures import KEYS_VARIABLE, SIGNATURE_FILE, Keys, installation_keys, signer_of

FILES = (MANIFEST_FILE, SIGNATURE_FILE, "golden.npz", "model/model.txt", "model/model.json")


@pytest.fixture
def copy(artifact: Artifact, tmp_path: Path) -> Path:
    return Path(shutil.copytree(artifact.folder, tmp_path / "copy"))


@pytest.fixture
def foreign(copy: Path, tmp_path: Path) -> Path:
    """The artifact as another installation signs it."""
    sign(copy, signed.read(copy), Keys(tmp_path / "elsewhere"))
    return copy


def test_these_are_all_files_of_an_artifact(artifact: Artifact) -> None:
    files = (path for path in artifact.folder.rglob("*") if path.is_file())
    assert sorted(path.relative_to(artifact.folder).as_posix() for path in files) == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
def test_one_other_byte_in_any_file_is_refused(copy: Path, name: str) -> None:
    """Every byte of the short files, and a hundred of the long ones, each with one bit and with all bits flipped."""
    path = copy / name
    content = path.read_bytes()
    places = range(0, len(content), max(1, len(content) // 100)) if name != SIGNATURE_FILE else range(len(content))
    for place in (*places, len(content) - 1):
        for mask in (0x01, 0x20, 0xFF):
            changed = bytearray(content)
            changed[place] ^= mask
            path.write_bytes(changed)
            with pytest.raises((BadInput, Refused)) as refused:
                load_artifact(copy)
            assert str(copy) in str(refused.value)
    path.write_bytes(content + b"\n")
    with pytest.raises(BadInput):
        load_artifact(copy)
    path.write_bytes(content)
    load_artifact(copy)


def test_a_verdict_that_was_edited_with_all_checksums_is_refused(copy: Path) -> None:
    manifest = signed.read(copy)
    manifest["gate"] = {"open": True, "conditions": [], "edited": True}
    manifest["files"] = {name: file_checksum(copy / name) for name in manifest["files"]}
    (copy / MANIFEST_FILE).write_text(manifest_text(manifest))
    with pytest.raises(BadInput, match=r"has been changed since it was signed: export the model again with `trade"):
        load_artifact(copy)


def test_without_a_signature_it_says_what_to_do(copy: Path) -> None:
    (copy / SIGNATURE_FILE).unlink()
    with pytest.raises(BadInput, match="is not signed: export the model again with `tradesieve model export`"):
        load_artifact(copy)


def test_another_installation_is_admitted_by_its_key_and_removed(foreign: Path, tmp_path: Path) -> None:
    keys, signer = Keys(tmp_path / "here"), signer_of(foreign)
    with pytest.raises(Refused, match=f"admit its key by `tradesieve model trust {signer}`"):
        load_artifact(foreign, keys)
    keys.trust(signer, "the research machine")
    assert load_artifact(foreign, keys).folder == foreign
    assert keys.trusted() == {signer: "the research machine"}
    keys.remove(signer)
    with pytest.raises(Refused, match="does not trust"):
        load_artifact(foreign, keys)
    with pytest.raises(Unknown, match="unknown admitted key"):
        keys.remove(signer)
    with pytest.raises(BadInput, match="is not a public key"):
        keys.trust(signer.upper())


def test_what_is_released_is_signed_here(foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "here"))
    keys = installation_keys()
    keys.trust(signer_of(foreign))
    released = release(load_artifact(foreign), tmp_path / "released", run_id="r")
    assert signer_of(released.folder) == keys.public != signer_of(foreign)


def test_the_secret_key_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    assert keys.public is None
    assert keys.trusted() == {}
    first = keys.sign(b"a")
    assert (keys.folder / "signing.key").stat().st_mode & 0o777 == 0o600
    assert keys.folder.stat().st_mode & 0o777 == 0o700
    assert keys.sign(b"a") == first
    assert first.split()[1].decode() == keys.public
    with pytest.raises(BadInput, match="is the key of this installation"):
        keys.remove(str(keys.public))
    (keys.folder / "signing.key").write_text("damaged")
    with pytest.raises(BadInput, match=r"signing\.key is not a signing key"):
        keys.sign(b"a")


def test_a_key_that_lost_its_public_half_finds_it_again(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    signer = keys.sign(b"a").split()[1].decode()
    (keys.folder / "signing.pub").unlink()
    assert keys.sign(b"b").split()[1].decode() == signer == keys.public


def test_no_code_runs_before_the_signature_holds(foreign: Path, tmp_path: Path) -> None:
    """A module is added to a foreign artifact, with a checksum and a signature of its own."""
    mark = tmp_path / "it ran"
    (foreign / "modules").mkdir()
    (foreign / "modules" / "evil.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    manifest = signed.read(foreign)
    manifest["modules"] = [{"name": "evil", "file": "modules/evil.py", "packages": []}]
    manifest["files"]["modules/evil.py"] = file_checksum(foreign / "modules" / "evil.py")
    sign(foreign, manifest, Keys(tmp_path / "elsewhere"))
    with pytest.raises(Refused, match="does not trust"):
        load_artifact(foreign)
    assert not mark.exists()
    keys = Keys(tmp_path / "here")
    keys.trust(signer_of(foreign))
    load_artifact(foreign, keys)
    assert mark.exists(), "the alarm works"
