FROM box
COPY nosuch /x
