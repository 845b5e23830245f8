FROM box
HEALTHCHECK --interval=1m30s --timeout=500ms --retries=2 CMD curl  -f "http://x"  || exit 1
