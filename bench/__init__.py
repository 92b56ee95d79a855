"""Each figure of the README, against its peers, in one run."""
