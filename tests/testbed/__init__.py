"""The stage on which root tests and the demo play: a fake host in namespaces of its own, another machine beside it,
and a real `fairlead daemon` inside. The machine underneath is not touched."""
