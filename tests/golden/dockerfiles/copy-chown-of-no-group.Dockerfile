FROM box
COPY --chown=0:nosuch a.txt /
