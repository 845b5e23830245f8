FROM box
ARG A=1
ARG B=${A}2
RUN echo $B > /out
LABEL b=$B
