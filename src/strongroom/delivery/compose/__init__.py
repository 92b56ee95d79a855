"""Delivery to Docker Compose: files in memory, bind-mounted with the owner and mode that each grant declares."""
