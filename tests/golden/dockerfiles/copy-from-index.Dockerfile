FROM box
RUN echo 0 > /zero
FROM box AS named
RUN echo 1 > /one
FROM scratch
COPY --from=0 /zero /
COPY --from=1 /one /was/
COPY --from=NAMED /one /again
