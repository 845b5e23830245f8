FROM box
RUN mkfifo -m 600 /fifo && touch /suid && chmod 4755 /suid && mkdir -m 1777 /t
