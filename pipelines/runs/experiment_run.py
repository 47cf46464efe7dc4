"""The experiment run: the protocol of `models.protocol` from bars to a judged, certified and tracked model."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.external import use_environments
from tradesieve.models.protocol.holdout import HoldoutResult, open_holdout, record_trials
from tradesieve.models.protocol.leaderboard import summarise
from tradesieve.models.protocol.paths import measure_paths
from tradesieve.models.protocol.score_checkpoints import ScoreCheckpoints
from tradesieve.models.protocol.search import SearchResult, search
from tradesieve.models.protocol.search_order import parse_budget
from tradesieve.models.significance.verdicts import judge_instances
from tradesieve.models.splits import split_holdout
from tradesieve.models.tracking.tracking_process import tracking_process
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.fingerprints import cache_key, code_fingerprint
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.reports.run_report import report_html
from tradesieve.pipelines.runs.certification import certify, uncertified_parts
from tradesieve.pipelines.runs.factor_checks import require_invariants
from tradesieve.pipelines.runs.finished_runs import EVIDENCE_FILE, EXPERIMENT_FILE, RESULT_FILES
from tradesieve.pipelines.runs.run_artifact import RUN_CODE, model_features, write_run_artifact
from tradesieve.pipelines.runs.run_tracking import track_run
from tradesieve.pipelines.runs.search_progress import SearchProgress
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_features import describe_other_symbols, features_of
from tradesieve.pipelines.steps.chunk_trades import DevelopmentChunk, trade_chunks
from tradesieve.pipelines.steps.chunks import Chunk, load_chunks
from tradesieve.pipelines.steps.condition_table import judge_record
from tradesieve.pipelines.steps.dataset import pool_dataset
from tradesieve.pipelines.steps.run_records import PartRecord, record_part, write_record
from tradesieve.pipelines.steps.search_evidence import gather_evidence, write_evidence
from tradesieve.pipelines.steps.unset_sessions import find_unset_sessions
from tradesieve.pipelines.steps.without_trades import explain_no_trades
from tradesieve.strategies.statistics.duplicates import digest_instances


def run_experiment(
    experiment: Experiment,
    settings: Settings,
    *,
    seal: bool = False,
    source: str | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run an experiment, or return the stored result of the same experiment on the same bars with the same code.

    1. Load the bars, choose the features that they have the volume for, and check the user's own factors on those
       before the hold-out.
    2. Simulate the trades, compute their features, and split off the sealed hold-out.
    3. Search on the development part, and refit the winner on all of it.
    4. Certify on the development part that rules and factors are causal and that live values equal batch values.
    5. Record every trial; open the hold-out once for the winner, and judge it by the gate.
    6. Write the artifact of the winner, track the run in MLflow, and store the result.

    Parameters
    ----------
    seal : stop before the hold-out, which stays sealed: no gate is judged, and nothing becomes champion.
    source : what starts the run, as MLflow shall name it; the command line if None.

    Returns
    -------
    The result, JSON-safe: see `models.protocol.leaderboard.summarise`, with ``experiment`` (hash), ``run_id``,
    ``mlflow_experiment`` (the id of the experiment there), ``aim``, ``selected_by``, ``score``, ``data``, ``verdicts``
    of the strategies on both parts, see `models.significance.verdicts`, ``paths`` where the plan asks for them, see
    `models.protocol.paths`, ``certificates``, ``artifact`` (folder or None), ``seconds`` and ``reused``.

    Raises
    ------
    BadInput : if bars are missing or make no trades, a named feature reads a volume that they do not have, or the
        state folder cannot be written.
    Refused : if a user's factor breaks an invariant; names it, and the first time at which it is broken.
    """
    began, started = time.time(), time.perf_counter()
    use_environments(settings.engine_environments)
    chunks = load_chunks(experiment, settings)
    features = features_of(experiment, chunks)
    folder = run_folder(experiment, chunks, settings)
    result_path = folder / ("sealed.json" if seal else "result.json")
    stored = _read_result(result_path)
    if stored is not None:
        return stored | {"reused": True}
    require_invariants(experiment, chunks, progress=progress)

    with tracking_process(settings.tracking) as track:
        development, holdout, parts, without_trades = _split(experiment, chunks, settings, progress)
        searched = _search(experiment, development, folder / "scores", progress)
        # Both leave a core idle, so they share the time.
        with ThreadPoolExecutor(1) as beside:
            gathered = beside.submit(_gather, experiment, searched, chunks)
            certificates = certify(experiment, parts, progress=progress)
        paths = _paths(experiment, searched, development, progress)
        judged = _judge(experiment, searched, None if seal else holdout, certificates, settings, progress)

        summary = summarise(searched, judged, seed=experiment.plan.seed)
        artifact_folder = folder / ("sealed-artifact" if seal else "artifact")
        artifact = write_run_artifact(artifact_folder, experiment, parts, searched, summary)
        read = model_features(searched)
        result = {
            "experiment": experiment.hash,
            "aim": experiment.plan.aim,
            "selected_by": experiment.plan.selection,
            "score": experiment.plan.fitness,
            "data": _describe_data(chunks, development, holdout)
            | {
                "without_trades": without_trades,
                "features": list(features.names),
                "model_features": list(read),
                "other_symbols": describe_other_symbols(experiment, features.names, read),
                "features_left_out": dict(features.left_out),
                **({} if experiment.trades is None else {"trades": experiment.trades}),
            },
            **summary,
            "verdicts": _verdicts(searched, judged, seed=experiment.plan.seed),
            **paths,
            "certificates": certificates,
            "artifact": None if artifact is None else str(artifact),
            "reused": False,
            "seconds": round(time.perf_counter() - started, 1),
        }
        (folder / EXPERIMENT_FILE).write_text(experiment.to_yaml())
        record, evidence, conditions = gathered.result()
        records = _records(record, judged, chunks)
        write_record(folder / RESULT_FILES[result_path.name], records)
        write_evidence(folder / EVIDENCE_FILE, evidence)
        report = report_html(result, records, evidence, conditions=conditions, seed=experiment.plan.seed)
        progress("track", 0, 1, "writing to MLflow")
        tracked = track_run(
            result, experiment, settings, searched, judged, artifact,
            evidence=evidence, report=report, started=began, source=source, track=track,
        )  # fmt: skip
        result |= {"run_id": tracked.run_id, "mlflow_experiment": tracked.experiment}
    with atomic_write(result_path) as temporary:
        temporary.write_text(json.dumps(result, indent=1, allow_nan=False))
    progress("track", 1, 1, "done")
    return result


def run_folder(experiment: Experiment, chunks: Sequence[Chunk], settings: Settings) -> Path:
    """Return the folder of a run, which is another one where its bars, trades, code or modules are others."""
    modules = [module.fingerprint for module in experiment.user_modules()]
    bars = [(chunk.bars_fingerprint, chunk.fingerprints) for chunk in chunks]
    return settings.home / "experiments" / experiment.hash / cache_key(bars, code_fingerprint(*RUN_CODE), *modules)


def _read_result(path: Path) -> dict[str, Any] | None:
    """Read a stored result; None if there is none, or if it is damaged and has to be made again."""
    try:
        result = json.loads(path.read_text())
        return result if isinstance(result, dict) else None
    except (OSError, ValueError):
        return None


def _split(
    experiment: Experiment, chunks: Sequence[Chunk], settings: Settings, progress: Progress
) -> tuple[Dataset, Dataset, list[DevelopmentChunk], dict[str, str]]:
    """Return development part and hold-out, the chunks of the former, and why instances have no trade.

    The trades themselves are released.
    """
    traded = trade_chunks(chunks, settings, progress=progress)
    dataset = pool_dataset(experiment, traded, settings, progress=progress)
    development, holdout = split_holdout(dataset, fraction=experiment.plan.holdout_fraction)
    with_trades = {name for each in traded for name in digest_instances(each.trades, each.chunk.instance_names)}
    parts = [each.development(development.period[1]) for each in traded]
    return development, holdout, parts, explain_no_trades(chunks, with_trades)


def _search(experiment: Experiment, development: Dataset, scores: Path, progress: Progress) -> SearchResult:
    following = SearchProgress(progress, seconds=parse_budget(experiment.plan.budget).seconds)
    return search(
        development,
        experiment.plan,
        checkpoints=ScoreCheckpoints(scores / development.fingerprint),
        n_jobs=os.cpu_count() or 1,
        on_progress=following.fitted,
        on_trial=following.judged,
    )


def _paths(experiment: Experiment, searched: SearchResult, development: Dataset, progress: Progress) -> dict[str, Any]:
    """Measure the winner on paths, where the plan asks for them."""
    if not experiment.plan.path_groups or searched.winner is None:
        return {}
    progress("paths", 0, 1, "fitting the winner on every combination of groups")
    paths = measure_paths(searched.winner, development, experiment.plan, n_jobs=os.cpu_count() or 1)
    progress("paths", 1, 1, "done")
    return {"paths": paths}


def _judge(
    experiment: Experiment,
    searched: SearchResult,
    holdout: Dataset | None,
    certificates: Mapping[str, bool | str],
    settings: Settings,
    progress: Progress,
) -> HoldoutResult | None:
    """Record the trials and open the hold-out; without one, record the trials only."""
    ledger, symbols = settings.ledger, list(experiment.symbols)
    if holdout is None:
        record_trials(searched, ledger=ledger, experiment=experiment.hash, symbols=symbols)
        return None
    progress("judge", 0, 1, "opening the hold-out")
    return open_holdout(
        holdout, searched, experiment.plan,
        ledger=ledger, experiment=experiment.hash, symbols=symbols, certificates=certificates,
        uncertified=uncertified_parts(experiment),
    )  # fmt: skip


def _verdicts(searched: SearchResult, judged: HoldoutResult | None, *, seed: int) -> dict[str, Any]:
    """Judge each strategy on both parts; the hold-out has no verdicts while it is sealed."""
    winner, holdout = searched.winner, None
    if judged is not None:
        holdout = judge_instances(judged.dataset, None if winner is None else judged.sizes, seed=seed)
    sizes = None if winner is None else winner.sizes
    return {"development": judge_instances(searched.judged, sizes, seed=seed), "holdout": holdout}


def _gather(
    experiment: Experiment, searched: SearchResult, chunks: Sequence[Chunk]
) -> tuple[PartRecord, dict[str, Any], dict[str, Any]]:
    """Return what follows from the search alone: the record of its trades, the evidence, and the judged conditions."""
    judged_rows = np.isin(searched.dataset.decision_time, searched.judged.decision_time)
    scores = searched.scores if searched.judged is searched.dataset else searched.scores[judged_rows]
    sizes = np.zeros(len(searched.judged)) if searched.winner is None else searched.winner.sizes
    record = record_part(searched.judged, sizes, scores, chunks)
    evidence = gather_evidence(searched, experiment.plan)
    return record, evidence, judge_record(record, seed=experiment.plan.seed)


def _records(development: PartRecord, judged: HoldoutResult | None, chunks: Sequence[Chunk]) -> dict[str, PartRecord]:
    """Return the records of both parts; the hold-out is missing while it is sealed."""
    if judged is None:
        return {"development": development}
    return {
        "development": development,
        "holdout": record_part(judged.dataset, judged.sizes, judged.scores, chunks),
    }


def _describe_data(chunks: Sequence[Chunk], development: Dataset, holdout: Dataset) -> dict[str, Any]:
    return {
        "symbols": sorted({chunk.symbol for chunk in chunks}),
        "timeframes": sorted({str(chunk.timeframe) for chunk in chunks}),
        "strategies": list(dict.fromkeys(strategy.id for chunk in chunks for strategy in chunk.strategies)),
        "n_instances": len(development.instance_names),
        "same_trades_as": dict(development.same_trades_as),
        "n_bars": sum(len(chunk.bars) for chunk in chunks),
        "unset_sessions": find_unset_sessions(chunks),
        "development": [format_time(time) for time in development.period],
        "holdout": [format_time(time) for time in holdout.period],
    }
