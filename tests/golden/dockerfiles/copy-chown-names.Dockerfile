FROM box
RUN mkdir -p /etc && echo 'me:x:41:42::/:/bin/sh' >> /etc/passwd && echo 'us:x:43:' >> /etc/group && echo 'me:x:42:' >> /etc/group
COPY --chown=me a.txt /1
COPY --chown=me:us a.txt /2
COPY --chown=me:9 d /4/
ADD --chown=7 a.txt /5
ARG W=me
COPY --chown=$W:$W a.txt /new/dir/6
