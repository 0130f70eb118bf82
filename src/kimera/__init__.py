"""Kimera: an autonomous trading system, a C++20 hot path with a Python brain.

The rooms are sub-packages; each ``__init__`` is its public face. Arrows point down only:
``model`` ← ``runtime`` ← ``market``, ``portfolio`` ← ``strategy`` ← ``system`` ← ``desk``.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
