"""Delivery to Docker Swarm: versions as Swarm secrets, stacks, and the services that hold them."""
