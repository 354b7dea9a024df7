"""The command line: one file for each command, each a single call of the library."""
