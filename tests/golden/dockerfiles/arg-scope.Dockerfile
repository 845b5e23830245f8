ARG G=global
ARG H
FROM box AS a
RUN echo "[$G][$H]" > /a
ARG G
ARG H=own
RUN echo "[$G][$H]" > /b
FROM a
ARG L=late
RUN echo "[$G][$H][$L]" > /c
ARG G=redefined
ENV L=env
RUN echo "[$G][$H][$L]" > /d
