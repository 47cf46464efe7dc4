"""Strategy instances: one strategy on one symbol at one timeframe, and the name under which it is stored."""

from __future__ import annotations

from dataclasses import dataclass

from tradesieve.market.errors import BadInput

_SEPARATOR = "|"


@dataclass(frozen=True)
class Instance:
    """A strategy on a symbol at a timeframe.

    ``str(instance)`` is the name that tables, manifests and results store, ``strategy|symbol|timeframe``.

    Parameters
    ----------
    strategy : the strategy's id; holds no ``|``.
    symbol : the symbol of the bars.
    timeframe : the timeframe of the bars as text, such as ``5m``.

    Examples
    --------
    >>> instance = Instance.parse("donchian_channel(window=20)+trailing(ranges=3)|BTC-USD|5m")
    >>> instance.rule, instance.series
    ('donchian_channel', ('BTC-USD', '5m'))
    >>> str(instance)
    'donchian_channel(window=20)+trailing(ranges=3)|BTC-USD|5m'
    """

    strategy: str
    symbol: str
    timeframe: str

    @classmethod
    def parse(cls, name: str) -> Instance:
        """Read a stored name.

        Raises
        ------
        BadInput : if the name does not consist of three parts.
        """
        parts = name.split(_SEPARATOR)
        if len(parts) != 3 or not all(parts):
            raise BadInput(f"instance {name!r}: expected strategy|symbol|timeframe, as in dip_buying()|BTC-USD|5m")
        return cls(*parts)

    def __str__(self) -> str:
        return _SEPARATOR.join((self.strategy, self.symbol, self.timeframe))

    @property
    def rule(self) -> str:
        """The name of the strategy's rule, without parameters and modifiers."""
        return self.strategy.partition("(")[0]

    @property
    def series(self) -> tuple[str, str]:
        """Symbol and timeframe of the bars that it trades."""
        return self.symbol, self.timeframe
