FROM box
RUN ["/bin/sh", "-c", "echo $0 > /out", "zero"]
