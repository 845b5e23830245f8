FROM box
USER 1000:1001
ENV D=from-env
WORKDIR /x
WORKDIR y
RUN pwd; id -u; touch f 2>&1 || echo denied
WORKDIR ../z
WORKDIR /a/c
WORKDIR $D/"q"
COPY a.txt .
USER 0
RUN pwd > /pwd
