"""Fairlead: a container engine whose containers talk only to whom you linked them."""

__version__ = "0.1.0"
