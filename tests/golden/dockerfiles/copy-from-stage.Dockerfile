FROM box AS one
RUN mkdir /d && echo 1 > /d/f && ln -s f /d/l && chown -R 3:4 /d
FROM scratch
COPY --from=one /d /d
COPY --from=0 /d/f /f
COPY --from=one /d/l /l
