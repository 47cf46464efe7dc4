"""Rules: strategies that turn bars into signals, one in each file.

To add one: subclass `strategies.strategy.Strategy` in a file named after the rule, and append the class to
`strategies.registry.RULES`; `time_of_day` is the smallest example. The tests run the invariants of a rule on every
registered one. `bracket_orders` holds the orders that most rules place.
"""
