"""The MCP tools, one file each: validate, make the job, await the engine, publish, answer."""
