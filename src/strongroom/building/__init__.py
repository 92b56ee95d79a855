"""Building images with secrets, and proving that none of them stayed in the image."""
