FROM box
COPY d* /x/
COPY */one /y/
COPY ?.txt /z/
COPY [ab].txt c.* /w/
COPY [^a].txt /v/
COPY d/*e* /u/
ADD *.md /t
