"""What `make test-fast` leaves out: `tests/conftest.py` marks it as slow."""

LONG = (
    "acceptance", "invariants", "oracles", "parity", "serving", "trading",
    "features/engine/test_column_cache.py", "features/test_user_modules.py",
    "house/test_docstring_examples.py", "house/test_exports.py", "house/test_readme.py", "house/test_wheel.py",
    "market/calendars/test_sessions.py", "market/execution/test_compilation.py",
    "market/execution/test_fill_rule_properties.py", "market/execution/test_time_search.py", "market/quality",
    "market/sources/databases", "market/sources/exchanges", "market/sources/vendors/test_vendors_real.py",
    "market/storage",
    "models/artifact/test_bundled_modules.py", "models/engines", "models/fitted", "models/significance",
    "models/tracking",
    "pipelines/commands", "pipelines/reports", "pipelines/runs", "pipelines/stack", "pipelines/steps",
    "pipelines/test_bad_disks.py", "pipelines/test_command_line.py", "pipelines/test_experiment_assembly.py",
    "pipelines/test_flows.py",
    "strategies/backtest", "strategies/search", "strategies/test_strategy.py",
)  # fmt: skip
"""Folders and files of tests that are left out of `make test-fast`: each takes seconds, or starts servers."""
