"""The one set-up mechanism: a virtual environment with the locked requirements, made, checked and repaired.

Standard library only: start.py runs it with any Python of the right version, before there is an environment. It works
alike from a checkout (packages from the user's own index) and from a folder of wheels (no network at all).
"""
