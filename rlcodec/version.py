"""The version, where the build can read it without importing av."""

__version__ = "0.1.0"
