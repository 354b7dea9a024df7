"""The project measuring itself: `python -m benchmarks NAME`. Nothing here is ever asserted in a test."""
