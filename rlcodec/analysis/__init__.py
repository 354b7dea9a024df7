"""Frames to segments to state vectors: numpy and nothing else."""
