"""The files beside images of a BIDS dataset, and its way to name files."""
