"""The classic builder: executes a Dockerfile's plan (images/dockerfile) step by step, with a cache by content.

`builder` is the door, `order` one build, `stage` one stage of it; `steps` what an instruction means for the
configuration, `run`, `copy`, `mounts` what makes files.
"""
