"""Health checks of the servers over HTTP."""

from __future__ import annotations

import httpx


def http_status(url: str) -> int | None:
    """Return the status of a response, None while there is none."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code
    except httpx.HTTPError:
        return None


def is_online(prefect_url: str, pool: str, worker: str) -> bool:
    """Return whether a Prefect server has heard of a worker."""
    try:
        response = httpx.post(
            f"{prefect_url}/api/work_pools/{pool}/workers/filter", json={}, timeout=5, trust_env=False
        )
        return any(found["name"] == worker and found["status"] == "ONLINE" for found in response.json())
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False
