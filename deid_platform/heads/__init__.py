"""Faces in volumes: where a head is, what of it is a face, and a copy without it."""
