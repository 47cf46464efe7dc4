"""Rules in YAML or JSON, without code: conditions over bars and factors, stops and targets, modifiers.

    rules:
      my_channel:
        about: Follow the first close beyond the channel of the bars before it.
        parameters:
          window: {default: 20, grid: [20, 55, 100]}
          exit_window: 10
        long:
          when: crosses_above(close, previous(bars__highest__window_{window}))
          stop: bars__lowest__window_{exit_window}
        short:
          when: crosses_below(close, previous(bars__lowest__window_{window}))
          stop: bars__highest__window_{exit_window}
        modifiers: [opposite_exit, time_exit(bars=96)]

defines the strategy ``my_channel(window=20,exit_window=10)``, a rule of the kind that ``@rule`` makes: it is found,
checked, cached and bundled as one, see `strategies.user_rules`. What an expression may say is in `expressions.parsing`.
"""

__all__ = ["texts", "rules", "printing"]
