"""Archives as they lie in a store: what is in them and how its bytes are read, without ever holding one whole."""
