FROM box
WORKDIR /x/y/z
COPY a.txt .
COPY b.txt ./in/
