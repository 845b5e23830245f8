FROM box
COPY d /x
COPY d /y/
COPY d/. /z
