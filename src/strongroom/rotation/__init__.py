"""Rotation: moving ``current`` to a new value everywhere, and proving it."""
