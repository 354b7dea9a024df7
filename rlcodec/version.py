"""The version, where the build can read it without importing av."""

VERSION = "0.1.0"
