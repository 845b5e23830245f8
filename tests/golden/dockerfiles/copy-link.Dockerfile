FROM box
COPY --link a.txt /x/
COPY --link --chown=3:4 d /y/
