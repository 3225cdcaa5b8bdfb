"""3DHISTECH slides: a file and a folder, which come and go as one tar archive."""
