"""Benchmarks: one command each, JSON out, seeds fixed, a floor measured in the same run."""
