"""Docker's Engine API over HTTP/1.1: HTTP in, engine call, HTTP out; takes no decision of its own."""
