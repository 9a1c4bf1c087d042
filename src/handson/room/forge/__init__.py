"""Processes forked from templates that have everything imported: seats' servers and their kernels."""
