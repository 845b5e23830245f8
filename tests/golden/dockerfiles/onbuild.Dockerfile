FROM box AS base
ONBUILD COPY a.txt /on/
ONBUILD RUN echo built > /on/run
ONBUILD ENV X=1
FROM base
RUN ls /on
