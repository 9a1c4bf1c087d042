"""handson: a hands-on deep-learning workshop in a box."""

__version__ = "0.1.0"
