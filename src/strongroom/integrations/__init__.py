"""The reader where frameworks expect it: one module each, which needs that framework and nothing else."""
