"""Go's text/template over JSON values: parse, execute, functions, values. The door is cli/template.py."""
