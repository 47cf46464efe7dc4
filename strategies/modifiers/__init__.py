"""Modifiers: declared changes of how any rule enters, exits and sizes its trades.

They are written after a rule, as in ``volatility_breakout(window=20)+stop_entry(expiry=3)+trailing(ranges=3)``.
To add one: subclass `base.Modifier` in the file that fits it and list the class in `strategies.registry.MODIFIERS`;
`sizing.FixedFraction` is the smallest example. `signal_prices` holds what they compute alike.
"""
