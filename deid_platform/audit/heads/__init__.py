"""Proof that a face is gone and a brain is whole, by other code and another model than those that removed it."""
