FROM box
HEALTHCHECK --interval=5m --timeout=3s --start-period=1h --retries=4 CMD check || exit 1
