FROM box
COPY *.txt /t/
COPY d/o?e /o
COPY [bc].* /bc/
