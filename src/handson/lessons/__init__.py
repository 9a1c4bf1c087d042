"""Lessons: find, read, render, run and check them. What an author relies on."""
