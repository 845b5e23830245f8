FROM box
RUN mkdir -p /etc && echo 'me:x:41:42::/home/me:/bin/sh' >> /etc/passwd && echo 'us:x:43:me' >> /etc/group
USER me
RUN id > /tmp/1 2>&1 || id; echo $HOME
USER 41
RUN id; echo $HOME
USER me:us
RUN id
USER 77:88
RUN id; echo $HOME
USER :us
