"""Videos in, a table of encodes out."""
