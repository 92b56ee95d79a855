"""A Docker secret driver: Swarm asks it for a secret's value when a task starts, so that no value is in Swarm's log."""
