FROM box
SHELL ["/bin/sh", "-x", "-c"]
RUN echo hi > /out
CMD run me
ENTRYPOINT also
