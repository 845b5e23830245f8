"""Docker's JSON ⇄ the model: the only place where names are CamelCase and values untyped."""
