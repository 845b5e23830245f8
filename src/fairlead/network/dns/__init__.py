"""The resolver: every container asks it at 127.0.0.11, whatever network it is on.

`names` is the table (pure), `wire` the messages, `redirect` what brings port 53 to a socket of ours, `server` the
sockets of each sandbox, `upstream` what is asked of others. Words: the *asker* is a container, its *view* is what it
may know of, a *presence* is a container on one network under its names.
"""
