"""What is done with a store's audit: choosing entries, handing them on, and holding them against what is declared."""
