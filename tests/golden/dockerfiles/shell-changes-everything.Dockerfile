FROM box
RUN echo default > /1
SHELL ["/bin/sh", "-ec"]
RUN echo $0 > /2
CMD shell form
ENTRYPOINT entry form
HEALTHCHECK CMD check form
SHELL ["/bin/busybox", "sh", "-c"]
RUN echo 3 > /3
ONBUILD CMD later
