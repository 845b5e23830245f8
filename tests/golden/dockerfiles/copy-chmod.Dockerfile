FROM box
COPY --chmod=741 a.txt /x
COPY --chmod=0500 --chown=1:2 d/ /y/
