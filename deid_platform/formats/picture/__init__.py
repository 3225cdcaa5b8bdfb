"""Plain pictures: PNG and JPEG."""
