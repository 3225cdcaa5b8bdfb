"""MR spectroscopy as Siemens exports it (.rda): a header of text, then complex samples."""
