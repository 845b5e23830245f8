FROM box
COPY a.txt /x
COPY a.txt /y/
COPY a.txt /z/a/b
COPY run.sh /bin
