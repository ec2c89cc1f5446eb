"""Docker's verbs of the command line."""
