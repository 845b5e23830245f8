ARG BASE=box
ARG V=7
FROM $BASE
ARG V
RUN echo "[$V]" "[$BASE]" > /out
