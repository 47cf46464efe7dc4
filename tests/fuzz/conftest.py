"""The service of the short runs."""

from tests.serving.test_hostile_bars import http, server, taking_all  # noqa: F401 - fixtures
