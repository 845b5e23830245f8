"""What speaks to registries: run by transfer.py in a process of its own. Knows urllib3; nothing else does."""
