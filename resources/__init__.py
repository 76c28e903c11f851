"""The MCP resources, one file per family."""
