FROM scratch AS two
COPY a.txt /x/
FROM scratch
COPY --from=two / /
COPY --from=two /x /y
