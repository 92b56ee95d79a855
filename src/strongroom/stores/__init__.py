"""Where secrets are kept. ``base`` says what a store does; each other module is one store."""
