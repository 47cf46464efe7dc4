"""Any tsfresh calculator as a factor of the decision's window, named as tsfresh names it.

``close__tsfresh_autocorrelation__lag_1__window_50`` is tsfresh's ``autocorrelation__lag_1`` of the last 50 closes.
The most used calculators have kernels here, which return tsfresh's value and do not load tsfresh. The others call
tsfresh's plain functions, without the processes and frames of `tsfresh.extract_features`.
Source: Christ et al. (2018), Time series feature extraction on basis of scalable hypothesis tests.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np

from tradesieve.features.factor import Factor, Feature, Kernel
from tradesieve.features.inputs import SERIES_INPUTS, parse_input
from tradesieve.market.errors import BadInput, Unknown

PREFIX = "tsfresh_"

_NAME = re.compile(rf"(.+?)__{PREFIX}(.+)__window_([1-9]\d*)")
_INPUTS = (*SERIES_INPUTS, "results")
_NUMBER = r"-?\d+(?:\.\d+)?"
# Calculators with a kernel, and the pattern of the one parameter that some have.
_KERNELS = {
    **dict.fromkeys(
        (
            "mean", "variance", "standard_deviation", "absolute_sum_of_changes", "mean_abs_change", "skewness",
            "kurtosis", 'linear_trend__attr_"slope"', 'linear_trend__attr_"rvalue"', "longest_strike_above_mean",
            "longest_strike_below_mean",
        )
    ),
    "cid_ce": "normalize_(True|False)",
    "autocorrelation": r"lag_(\d+)",
    "ratio_beyond_r_sigma": rf"r_({_NUMBER})",
    "number_crossing_m": rf"m_({_NUMBER})",
}  # fmt: skip


def needs_tsfresh(name: str) -> bool:
    """Tell whether a feature calls the installed tsfresh: a calculator without a kernel here."""
    found = _NAME.fullmatch(name)
    return found is not None and _kernel_of(found[2]) is None


def _kernel_of(tsfresh_name: str) -> tuple[str, tuple[tuple[str, float], ...]] | None:
    """Return the name of the kernel and its parameters; None if there is no kernel."""
    if tsfresh_name in _KERNELS and _KERNELS[tsfresh_name] is None:
        return tsfresh_name.replace("__attr_", "_").replace('"', "") + "_nb", ()
    calculator, _, parameter = tsfresh_name.partition("__")
    match = re.fullmatch(_KERNELS.get(calculator) or "(?!)", parameter)
    if match is None:
        return None
    value = float(match[1] == "True") if calculator == "cid_ce" else float(match[1])
    return calculator + "_nb", ((parameter.partition("_")[0], value),)


@cache
def tsfresh_feature(name: str) -> Feature:
    """Parse the name of a tsfresh feature.

    Raises
    ------
    BadInput : if the input, the window or a parameter is not valid.
    Unknown : if tsfresh has no such calculator.
    """
    match = _NAME.fullmatch(name)
    if match is None or parse_input(match[1]).column not in _INPUTS or int(match[3]) < 2:
        raise BadInput(
            f"feature {name!r}: write INPUT__{PREFIX}CALCULATOR__PARAMETER_VALUE__window_BARS, "
            f"with INPUT one of {', '.join(_INPUTS)} and at least 2 bars"
        )
    window = int(match[3])
    native = _kernel_of(match[2])
    kernel_name, parameters = native or ("", ())
    values = (("window", float(window)), *parameters)
    factor = Factor(
        name=PREFIX + match[2],
        kind="series",
        kernel=_kernel_named(kernel_name) if native else _calculator(name, match[2], window),
        parameters=tuple(key for key, _ in values),
        lookback=lambda values, timeframe: window,
        compiled=native is not None,
        family="tsfresh",
    )
    return Feature(name, factor, parse_input(match[1]), values)


def _kernel_named(name: str) -> Kernel:
    from tradesieve.features.tsfresh import kernels as tsfresh_kernels

    return getattr(tsfresh_kernels, name)


def _calculator(name: str, tsfresh_name: str, window: int) -> Kernel:
    from tsfresh.feature_extraction import feature_calculators
    from tsfresh.feature_extraction.settings import from_columns

    calculator_name = tsfresh_name.partition("__")[0]
    function: Any = getattr(feature_calculators, calculator_name, None)
    if not hasattr(function, "fctype"):
        known = [known for known in dir(feature_calculators) if hasattr(getattr(feature_calculators, known), "fctype")]
        raise Unknown("tsfresh calculator", calculator_name, known)
    try:
        settings = from_columns([f"x__{tsfresh_name}"])["x"][calculator_name]
    except (ValueError, SyntaxError) as error:
        raise BadInput(f"feature {name!r}: tsfresh cannot parse its parameters: {error}") from error
    parameters = settings[0] if settings else {}
    combines = function.fctype == "combiner"

    def kernel(values: np.ndarray, _: object = None) -> float:
        # Some calculators have no value for a window without variation: numpy warns, and the value is NaN.
        with np.errstate(all="ignore"):
            if combines:
                return float(next(iter(function(values, [parameters])))[1])
            return float(function(values, **parameters))

    try:
        kernel(100.0 + np.cos(np.arange(window) ** 2))
    except (TypeError, KeyError) as error:
        raise BadInput(f"feature {name!r}: {calculator_name} does not take these parameters: {error}") from error
    except AttributeError as error:
        raise BadInput(f"feature {name!r}: {calculator_name} does not work on plain numbers: {error}") from error
    except (ValueError, IndexError, ZeroDivisionError):
        pass  # the calculator has no value for this window, but the name is valid
    kernel.__doc__ = function.__doc__
    return kernel
