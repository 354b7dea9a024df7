"""The project measuring itself: `python -m benchmarks NAME`. No test asserts any of it."""
