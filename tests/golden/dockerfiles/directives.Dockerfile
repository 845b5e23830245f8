# syntax = docker/dockerfile:1
# Escape = `
# a comment ends the directives
# escape=\
FROM box
RUN echo a `
 b > /out
ENV A=\x B=`$C
