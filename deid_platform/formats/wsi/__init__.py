"""Whole-slide images in TIFF: Aperio, Hamamatsu, OME and generic pyramids."""
