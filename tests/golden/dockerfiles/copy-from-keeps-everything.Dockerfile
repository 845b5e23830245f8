FROM box AS a
RUN mkdir -p /t/sub/empty && cd /t && echo 1 > one && ln one two && ln -s one three && ln -s sub dir && chmod 4755 one && mkfifo fifo && chown 5:6 sub && chmod 1777 sub && ln -s /nowhere dangling
FROM box
COPY --from=a /t /copied
COPY --from=a /t/ /again/
COPY --from=a /t/dir /followed
COPY --from=a /t/three /file
