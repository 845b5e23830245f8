FROM box
COPY --chown=who:g b.txt /u
