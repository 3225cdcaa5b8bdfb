"""Checks on cleaned objects, by other code than that which cleaned them."""
