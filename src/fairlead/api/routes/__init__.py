"""One module per noun: a table of routes and the handlers behind it. A handler parses, calls the engine, renders."""
