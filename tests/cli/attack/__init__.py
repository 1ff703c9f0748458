"""What servers do that no honest server does, to the program as it is installed."""
