FROM scratch
COPY --from=box /bin/busybox /bb/
