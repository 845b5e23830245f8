FROM box AS a
RUN echo stage > /s
FROM box
RUN mkdir /ctx /m && touch /m/f
RUN --mount=target=/ctx ls /ctx/d > /out; touch /ctx/no 2>/dev/null || echo ro >> /out
RUN --mount=type=bind,from=a,source=/s,target=/m/f cat /m/f >> /out
RUN --mount=type=bind,target=/ctx,rw rm /ctx/a.txt && echo gone >> /out
COPY a.txt /a
