"""Bodies of requests.

Bars come in one of two forms: an object of columns ``{"close_time": [...], "open": [...], ...}``, or a list of rows
``[{"close_time": ..., "open": ..., ...}, ...]``. Times are whole nanoseconds since 1970 UTC, or ISO
8601 text with a zone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError, from_json
from typing_extensions import TypedDict

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadData
from tradesieve.market.session_bars import SessionBars
from tradesieve.market.timeframes import Timeframe
from tradesieve.serving.problem_details import Problem, invalid_value

_LATEST = 2**63 - 1
_SECOND = 1_000_000_000
_ISO = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)", re.ASCII)
_IsoText = Annotated[str, Field(pattern=f"^{_ISO.pattern}$")]
_STRICT = ConfigDict(extra="forbid", strict=True)


def read_time(value: Any) -> Any:
    """Read ISO 8601 text with a zone as int64 ns UTC; leave everything else to the validation of whole numbers."""
    if not isinstance(value, str):
        return value
    match = _ISO.fullmatch(value)
    if match is None:
        raise PydanticCustomError(
            "time", "should be whole nanoseconds since 1970 UTC or ISO 8601 text with a zone, as 2026-01-31T14:05:00Z"
        )
    try:
        moment = datetime.fromisoformat(match[1] + match[3])
        # Whole seconds and the fraction are kept apart: a float cannot hold today's nanoseconds.
        seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // _ONE_SECOND
    except (ValueError, OverflowError) as error:
        raise PydanticCustomError("time", "is not a valid time: {reason}", {"reason": str(error)}) from error
    return seconds * _SECOND + int((match[2] or "").ljust(9, "0"))


_ONE_SECOND = datetime(1970, 1, 1, 0, 0, 1) - datetime(1970, 1, 1)


def _read_times(values: Any) -> Any:
    if isinstance(values, list) and any(type(value) is str for value in values):
        return [read_time(value) for value in values]
    return values


def _read_side(value: Any) -> Any:
    if type(value) in (int, float) and value in (1, -1):
        return float(value)
    if value in ("long", "short"):
        return 1.0 if value == "long" else -1.0
    raise PydanticCustomError("side", 'should be 1 or -1, or "long" or "short"')


def _form(value: Any) -> str | None:
    return "columns" if isinstance(value, dict) else "rows" if isinstance(value, list) else None


Nanoseconds = Annotated[int, Field(ge=0, le=_LATEST)]
Time = Annotated[Nanoseconds, BeforeValidator(read_time, json_schema_input_type=Nanoseconds | _IsoText)]
Price = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Volume = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Return = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1, max_length=300)]
ShortText = Annotated[str, Field(min_length=1, max_length=60)]


class BarColumns(TypedDict):
    """Bars as an object of columns of equal length."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    close_time: Annotated[
        list[Nanoseconds], BeforeValidator(_read_times, json_schema_input_type=list[Nanoseconds | _IsoText])
    ]
    open: list[Price]
    high: list[Price]
    low: list[Price]
    close: list[Price]
    volume: list[Volume]


class BarRow(TypedDict):
    """One bar."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    close_time: Time
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Volume


BarsBody = Annotated[
    Annotated[BarColumns, Tag("columns")] | Annotated[list[BarRow], Tag("rows")],
    Discriminator(
        _form,
        custom_error_type="bars",
        custom_error_message="should be an object of columns or a list of rows, oldest first",
    ),
]


class ScoreRequest(BaseModel):
    """POST /score: whether a strategy may open a trade.

    The fields after `bars` are required only by models whose features use them: GET /model says which. Other fields are
    checked and ignored.

    Parameters
    ----------
    strategy : the rule with its parameters, such as ``volatility_breakout(lookback=20,multiple=1.0)``.
    symbol, timeframe : of the bars that it trades.
    side : 1 or -1, or ``long`` or ``short``.
    decision_time : the close of the bar on which the rule decided.
    bars : the last bars, oldest first, up to that one; None: the service's own window, see POST /bars.
    stop, target : fixed stop and final target of the entry signal, in quote; None: it has none.
    agreeing : the share of the other instances of the same rule, on the same symbol and timeframe, that hold a position
        on this side now; None: there are no others.
    results : net returns of the instance's own closed trades, oldest first; the last ones are used. If there are fewer
        than a feature's window, the feature is NaN, as in research.
    others : the last bars of other symbols at the same timeframe, oldest first, up to the last one closed by the
        decision; None, as a whole or for one symbol: the service's own window.
    """

    model_config = _STRICT
    strategy: Text
    symbol: ShortText
    timeframe: ShortText
    side: Annotated[float, BeforeValidator(_read_side, json_schema_input_type=Literal[1, -1, "long", "short"])]
    decision_time: Time
    bars: BarsBody | None = None
    stop: Price | None = None
    target: Price | None = None
    agreeing: Share | None = None
    results: list[Return] | None = None
    others: dict[ShortText, BarsBody | None] | None = None


class AppendRequest(BaseModel):
    """POST /bars: closed bars for the service's own window.

    Parameters
    ----------
    replace : start a new window. For bars that the vendor corrected afterwards.
    """

    model_config = _STRICT
    symbol: ShortText
    timeframe: ShortText
    bars: BarsBody
    replace: bool = False


class SharedBars(BaseModel):
    """Bars for every candidate of a batch that has none of its own."""

    model_config = _STRICT
    symbol: ShortText
    timeframe: ShortText
    bars: BarsBody


class BatchRequest(BaseModel):
    """POST /score/batch: several trades that might be opened, decided by one model.

    Parameters
    ----------
    candidates : each as in POST /score.
    shared : bars that are sent once, by symbol and timeframe.
    """

    model_config = _STRICT
    candidates: Annotated[list[ScoreRequest], Field(min_length=1, max_length=256)]
    shared: Annotated[list[SharedBars], Field(max_length=64)] = []


class Outcome(BaseModel):
    """How a trade ended.

    Parameters
    ----------
    strategy, symbol, timeframe, side, decision_time : as in its ScoreRequest.
    entry_time, exit_time : of its first and last fill.
    entry_price, exit_price : paid and received, in quote.
    net_return : after costs, as a fraction of the entry's notional.
    size : the multiple of the rule's own stake; 0 for a shadow, a trade that the filter refused.
    exit_reason : such as ``stop``, ``target`` or ``time``.
    """

    model_config = _STRICT
    strategy: Text
    symbol: ShortText
    timeframe: ShortText
    side: Annotated[float, BeforeValidator(_read_side, json_schema_input_type=Literal[1, -1, "long", "short"])]
    decision_time: Time
    entry_time: Time
    exit_time: Time
    entry_price: Price
    exit_price: Price
    net_return: Return
    size: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    exit_reason: ShortText


class OutcomesRequest(BaseModel):
    """POST /outcomes: closed trades, to be held against what was expected. One that is sent again replaces itself."""

    model_config = _STRICT
    outcomes: Annotated[list[Outcome], Field(min_length=1, max_length=500)]


_ADAPTERS: dict[type, TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in (ScoreRequest, AppendRequest, BatchRequest, OutcomesRequest)
}


def parse_request(kind: type[Any], body: bytes) -> Any:
    """Parse and validate the body of a request.

    Parameters
    ----------
    kind : ScoreRequest, AppendRequest, BatchRequest or OutcomesRequest.

    Raises
    ------
    Problem : 400 if the body is not JSON, 422 at the first value that is not allowed.
    """
    return validate(kind, parse_object(body))


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Raises
    ------
    Problem : as `parse_request`.
    """
    try:
        # NaN and infinity pass here, so that the refusal below can name their field.
        content = from_json(body)
    except ValueError as error:
        raise Problem(
            400,
            "malformed-json",
            f"the body is not JSON: {error}",
            hint="send one JSON object, in UTF-8, not compressed",
        ) from error
    if not isinstance(content, dict):
        raise Problem(422, "invalid-value", "the body should be a JSON object", hint="see GET / for what is read")
    return content


def validate(kind: type[Any], content: dict[str, Any]) -> Any:
    """Validate a request.

    Raises
    ------
    Problem : as `parse_request`.
    """
    try:
        return _ADAPTERS[kind].validate_python(content)
    except ValidationError as error:
        raise invalid_value(error) from error


def bars_of(sent: Any, symbol: str, timeframe: Timeframe, *, field: str = "bars") -> Bars:
    """Build bars from a request.

    Parameters
    ----------
    field : their place in the request.

    Raises
    ------
    Problem : 422 if columns differ in length or the bars are invalid; names the first offending row.
    """
    if isinstance(sent, list):
        columns = {name: [row[name] for row in sent] for name in COLUMNS}
    else:
        columns = {name: sent[name] for name in COLUMNS}
        lengths = {name: len(column) for name, column in columns.items()}
        for name, length in lengths.items():
            if length != lengths["close_time"]:
                raise Problem(
                    422,
                    "invalid-value",
                    f"{field}.{name} has {length} values and {field}.close_time {lengths['close_time']}",
                    field=f"{field}.{name}",
                    hint="send one value per bar in every column",
                )
    try:
        # A request does not say whether its bars end with sessions.
        arrays: dict[str, Any] = {name: np.array(columns[name], dtype=_KINDS[name]) for name in COLUMNS}
        return SessionBars(symbol, timeframe, **arrays)
    except BadData as error:
        raise Problem(
            422, "invalid-value", str(error), field=field, hint="send closed bars, oldest first, each once"
        ) from error


_KINDS: dict[str, Literal["int64", "float64"]] = {
    name: "int64" if name == "close_time" else "float64" for name in COLUMNS
}
