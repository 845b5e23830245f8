FROM scratch
COPY a.txt /a
ENV A=b
