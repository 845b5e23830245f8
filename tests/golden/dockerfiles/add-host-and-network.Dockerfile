FROM box
RUN grep -c 10.9.8.7 /etc/hosts > /out; ls /sys/class/net > /net
