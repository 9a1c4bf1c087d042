"""The laptop tier: JupyterLab on this machine, for the one person who sits at it."""
