"""Results in, one page of HTML out that needs nothing else: no network, no other file."""
