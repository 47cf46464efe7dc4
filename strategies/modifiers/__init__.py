"""The modifiers: declared changes of how any rule enters, leaves and sizes.

Written behind a rule, as in ``volatility_breakout(window=20)+stop_entry(offset=0.1,expiry=3)+trailing(ranges=3)``.
"""
