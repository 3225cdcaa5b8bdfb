"""Stores: where bytes are kept."""
