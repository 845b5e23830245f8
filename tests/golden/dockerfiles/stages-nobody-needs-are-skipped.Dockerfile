FROM box AS bad
RUN exit 1
FROM box
RUN echo ok > /out
