"""Policies and rivals in, what they are worth out: real encodes, scored on the finished files."""
