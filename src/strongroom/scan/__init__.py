"""Looking for secrets where they should not be: what is looked at (``targets``), and what looks (``detect``)."""
