"""Files of rules: the Donchian channel as a user would write it without code."""

CHANNEL_FILE = """\
rules:
  my_channel:
    about: Follow the first close beyond the channel of the bars before it.
    parameters:
      window: {default: 20, grid: [20, 55]}
      exit_window: {default: 10, grid: [10, 20]}
    long:
      when: crosses_above(close, previous(bars__highest__window_{window}))
      stop: bars__lowest__window_{exit_window}
    short:
      when: crosses_below(close, previous(bars__lowest__window_{window}))
      stop: bars__highest__window_{exit_window}
    modifiers: [opposite_exit, time_exit(bars=96)]
"""
