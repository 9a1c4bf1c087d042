"""Kits: one built artefact that carries a workshop with what it needs."""
