"""State in, offset out: numpy and nothing else."""
