FROM box
COPY no*such /x
