"""What `make test-fast` leaves out, and what `make test` begins with; `tests/conftest.py` uses both."""

LONG = (
    "acceptance", "invariants", "oracles", "parity", "serving", "trading",
    "features/engine/test_column_cache.py", "features/test_user_modules.py",
    "house/test_docstring_examples.py", "house/test_document_blocks.py", "house/test_exports.py", "house/test_wheel.py",
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

LONGEST = (
    "house/test_wheel.py", "acceptance/test_null_markets.py", "pipelines/stack/test_supervisor.py",
    "pipelines/test_bad_disks.py", "invariants/test_factor_invariants.py", "pipelines/test_command_line.py",
    "parity/test_paper_equals_research.py", "parity/test_paper_inputs_equal_research.py",
    "pipelines/runs/test_experiment_run.py", "pipelines/test_flows.py", "oracles/test_simulator_vectorbt.py",
    "serving/test_export.py", "models/tracking/test_runs.py",
)  # fmt: skip
"""Files that run first, so that no process of `make test` is left alone with one of them at the end."""
