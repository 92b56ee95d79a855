"""The Docker Engine's API and Docker's command line, as thin as can be: nothing above knows a URL."""
