"""The table in, a policy out: the only code that imports torch."""
