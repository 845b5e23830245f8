FROM box
RUN --network=none ls /sys/class/net > /out
