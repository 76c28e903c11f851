"""The edge: settings, composition, stdio and HTTP, the command line."""
