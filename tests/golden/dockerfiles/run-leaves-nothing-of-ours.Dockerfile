FROM box
RUN ls -a / > /list; cat /etc/hosts > /dev/null; ls /etc /dev /proc > /dev/null; rm -f /etc/resolv.conf 2>/dev/null; true
RUN mkdir -p /etc/x && echo 1 > /etc/hosts 2>/dev/null; echo mine > /etc/hostname; true
