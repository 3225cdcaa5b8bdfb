from collections.abc import Iterator
def audit_file(*a): return iter(())
