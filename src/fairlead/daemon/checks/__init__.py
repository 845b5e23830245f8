"""The checks of `fairlead doctor`, one module per part of the host."""
