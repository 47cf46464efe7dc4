"""The texts of which a winner's Python file is made. They need numpy, pandas, LightGBM; a calibration scikit-learn."""

from __future__ import annotations

__all__ = ["HEAD", "ISOTONIC_REGRESSION", "LOGISTIC", "MAIN", "ONE_MODEL", "SEVERAL_MODELS", "UNCALIBRATED"]

HEAD = '''"""The winner of tradesieve's experiment {experiment}: {name}.

It is trained on the rows of {table}, one a trade: features that were known at the decision, `target` ({label}) and
`weight`. Scores are higher for better trades; {application} turned them into sizes.

    python {file}                 train, and write the scores of the table to {scores}
    python {file} OTHER.csv       train, and score the rows of another table with the same columns
"""

import sys
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
{imports}
TABLE = Path(__file__).with_name({table!r})
BINNING = {binning}
"""The settings of a model by which rows are sorted into bins."""
DIVIDED = {divided}
"""Whether a score is the mean of several boosters, each divided by the deviation of its scores in training."""
{constants}

def read(path):
    """Read a table; by way of text, so that every version of pandas reads every digit."""
    return pd.read_csv(path, dtype=str).astype(float)


def boost(X, target, weight, members):
    """Train the boosters of a model: a list of (booster, scale)."""
    binning = {{name: value for name, value in members[0][0].items() if name in BINNING}}
    rows = lightgbm.Dataset(X, label=target, weight=weight / weight.mean(), params=binning)
    rows.construct()
    boosters = [lightgbm.train(settings, rows, num_boost_round=n_trees) for settings, n_trees in members]
    return [(booster, float(np.std(booster.predict(X))) if DIVIDED else 1.0) for booster in boosters]


def score(boosters, X):
    """Score rows by the mean of boosters."""
    return sum(booster.predict(X) / scale for booster, scale in boosters) / len(boosters)


'''

ONE_MODEL = '''def train(table):
    """Train on a table."""
    X = table[COLUMNS].to_numpy(np.float64)
    return boost(X, table["target"].to_numpy(), table["weight"].to_numpy(), MEMBERS)


def predict(trained, table):
    """Score the rows of a table."""
    return score(trained, table[COLUMNS].to_numpy(np.float64))


'''

SEVERAL_MODELS = '''def groups_of(table, grouping):
    """Number the group of each row; -1 where what it follows from is unknown."""
    read = table[grouping["columns"]].to_numpy(np.float64)
    known = ~np.isnan(read).any(axis=1)
    groups = np.full(len(table), -1)
    if grouping["thresholds"]:
        groups[known] = (read[known] > np.array(grouping["thresholds"])) @ (1 << np.arange(read.shape[1]))
    elif grouping["columns"]:
        groups[known] = read[known, 0].astype(int)
    return groups


def train_models(table, models):
    """Train the pooled model and that of each group, on the rows that have a weight in the column of each."""
    trained = {{}}
    for group, one in models["fits"].items():
        rows = table[table[one["weight"]].notna()]
        X = rows[one["columns"]].to_numpy(np.float64)
        trained[group] = boost(X, rows["target"].to_numpy(), rows[one["weight"]].to_numpy(), one["members"])
    return trained


def score_by_group(trained, models, table):
    """Score each row by the model of its group, or by the pooled one."""
    groups, scores = groups_of(table, models["grouping"]), np.empty(len(table))
    for group, boosters in trained.items():
        own = ~np.isin(groups, [each for each in trained if each != "pooled"]) if group == "pooled" else groups == group
        if own.any():
            scores[own] = score(boosters, table.loc[own, models["fits"][group]["columns"]].to_numpy(np.float64))
    return scores


{calibrate}def train(table):
    """Train on a table: the models, and how their scores are mapped."""
    return train_models(table, MODELS), calibrate(table)


def predict(trained, table):
    """Score the rows of a table."""
    models, mapped = trained
    return mapped(score_by_group(models, MODELS, table))


'''

UNCALIBRATED = '''def calibrate(table):
    """Leave scores as they are."""
    return lambda scores: scores


'''

_INNER_SCORES = '''def inner_scores(table):
    """Score each row by models that were trained on inner folds without it."""
    scores = np.empty(len(table))
    for fold, models in INNER_MODELS.items():
        own = (table["fold"] == fold).to_numpy()
        scores[own] = score_by_group(train_models(table, models), models, table[own])
    return scores


'''

ISOTONIC_REGRESSION = (
    _INNER_SCORES
    + '''def calibrate(table):
    """Map scores to probabilities by the best map that never falls, fitted on the scores of inner folds."""
    scores, weight = inner_scores(table), table["weight"].to_numpy()
    fitted = IsotonicRegression(out_of_bounds="clip").fit(scores, table["target"].to_numpy(), sample_weight=weight)
    return lambda scores: np.interp(scores, fitted.X_thresholds_, fitted.y_thresholds_)


'''
)

LOGISTIC = (
    _INNER_SCORES
    + '''def calibrate(table):
    """Map scores to probabilities by a logistic regression on the scores of inner folds."""
    scores, weight = inner_scores(table), table["weight"].to_numpy()
    mean, deviation = scores.mean(), scores.std()
    standard = ((scores - mean) / deviation)[:, None]
    fitted = LogisticRegression(C=np.inf).fit(standard, table["target"].to_numpy(), sample_weight=weight)
    slope = fitted.coef_[0, 0] / deviation
    return lambda scores: 1.0 / (1.0 + np.exp(-(slope * scores + fitted.intercept_[0] - slope * mean)))


'''
)

MAIN = '''def main():
    """Train, and write scores."""
    table = read(TABLE)
    scored = read(sys.argv[1]) if len(sys.argv) > 1 else table
    scores = pd.DataFrame({{"score": predict(train(table), scored)}})
    path = TABLE.with_name({scores!r})
    scores.to_csv(path, index=False)
    print(f"{{len(scores)}} scores written to {{path}}")


if __name__ == "__main__":
    main()
'''
