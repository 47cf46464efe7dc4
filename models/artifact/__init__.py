"""The artifact: a signed folder with model, manifest, golden vectors and users' modules, verified when it is loaded.

Serving it is `serving`.
"""

__all__ = ["bundled_modules", "golden_vectors", "signatures", "manifest_schema", "manifest", "artifact"]
