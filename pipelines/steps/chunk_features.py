"""The features of chunks: those of the experiment, less those that read a volume which the bars do not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tradesieve.features.feature_names import parse_features
from tradesieve.features.feature_sets import MOST_SYMBOLS
from tradesieve.features.volume_features import without_volume
from tradesieve.market.errors import BadInput
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.steps.chunks import Chunk

_SHOWN = 5


@dataclass(frozen=True)
class ChunkFeatures:
    """The features that are computed on chunks, the same on all of them.

    Parameters
    ----------
    names : in the order of the experiment.
    left_out : {name: what is missing, in words} of the features of sets and patterns that cannot be computed.
    """

    names: tuple[str, ...]
    left_out: Mapping[str, str]


def features_of(experiment: Experiment, chunks: Sequence[Chunk], *, refuse: bool = True) -> ChunkFeatures:
    """Choose the features of an experiment that its bars have the volume for.

    A feature that reads the volume of a series without any is left out of sets and patterns, on every chunk. One that
    is named by itself is refused.

    Parameters
    ----------
    refuse : False leaves out those that are named too.

    Raises
    ------
    BadInput : if such a feature is named by itself, or no feature is left.
    """
    names = experiment.feature_names()
    parsed = parse_features(names)
    missing: dict[str, str] = {}
    for chunk in chunks:
        missing = without_volume(parsed, chunk.bars, chunk.others) | missing
    left_out = {name: missing[name] for name in names if name in missing}
    given = (experiment.features,) if isinstance(experiment.features, str) else experiment.features
    named = {name: left_out[name] for name in given if name in left_out}
    if refuse and named:
        refuse_volume_features(named, "leave them out of the features, or name a set, which is computed without them")
    if len(left_out) == len(names):
        refuse_volume_features(left_out, "choose other features")
    return ChunkFeatures(tuple(name for name in names if name not in left_out), left_out)


def refuse_volume_features(missing: Mapping[str, str], advice: str) -> None:
    """Refuse features that read a volume which the bars do not have.

    Parameters
    ----------
    missing : {name: what is missing, in words}.
    advice : what to do.

    Raises
    ------
    BadInput : always.
    """
    raise BadInput(f"features read volume, but {_described(missing)}: {advice}")


def describe_left_out(left_out: Mapping[str, str]) -> list[str]:
    """Return a line about features that are left out, or none.

    Parameters
    ----------
    left_out : as in `ChunkFeatures`.
    """
    n = len(left_out)
    return [f"left out {n} feature{'s' if n > 1 else ''} that read volume: {_described(left_out)}"] if left_out else []


def describe_other_symbols(
    experiment: Experiment, names: Sequence[str], model: Sequence[str] | None = None
) -> list[str]:
    """Return lines about the symbols whose bars features read beside those of the decision; none if they read none.

    Parameters
    ----------
    names : the features.
    model : those of the model that was found; None: there is none yet.
    """
    symbols, lines = experiment.symbols, []
    if experiment.reads_each_symbol() and len(symbols) == 1:
        lines.append(f"no feature reads another symbol: {symbols[0]} is the only one of the experiment")
    if experiment.reads_each_symbol() and len(symbols) > MOST_SYMBOLS:
        lines.append(
            f"features read the first {MOST_SYMBOLS} of {len(symbols)} symbols beside each other; name more of them by "
            f"themselves, such as close_beside_{symbols[MOST_SYMBOLS]}__slope__window_20"
        )
    read = _symbols_of(names if model is None else model)
    if read:
        lines.append(
            f"every decision requires the bars of {', '.join(read)}: live, the bot sends them with its own, or appends "
            "them by POST /bars before it asks"
        )
    elif model and _symbols_of(names):
        lines.append("a model without the features of other symbols ranks first: a decision requires its own bars only")
    return lines


def _symbols_of(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(each.input.symbol for each in parse_features(names) if each.input.symbol is not None))


def _described(missing: Mapping[str, str]) -> str:
    by_reason: dict[str, list[str]] = {}
    for name, reason in missing.items():
        by_reason.setdefault(reason, []).append(name)
    return "; ".join(f"{reason} ({_listed(names)})" for reason, names in by_reason.items())


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
