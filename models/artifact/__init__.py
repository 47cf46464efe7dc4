"""The artifact folder: model, manifest, golden vectors and users' source, verified when it is loaded.

Serving it is the room `serving`.
"""

__all__ = ["bundled_modules", "golden_vectors", "manifest", "artifact"]
