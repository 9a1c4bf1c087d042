"""A running class on one host: JupyterHub, with forked seats, limits, a join page and a board."""
