"""The kinds of objects the client lists, one module each: their fields and columns."""
