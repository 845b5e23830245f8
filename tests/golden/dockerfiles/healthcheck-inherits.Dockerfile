FROM box
HEALTHCHECK --interval=5s --timeout=3s --start-period=1m --retries=2 CMD ["a", "b"]
HEALTHCHECK NONE
HEALTHCHECK --timeout=7s CMD x y
