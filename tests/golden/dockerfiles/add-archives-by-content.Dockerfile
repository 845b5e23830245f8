FROM box
ADD image.bin /one/
ADD --chown=3:4 named.tar /one
COPY named.tar /three/
ADD z.tar.gz /four
ADD a.txt z.tar.gz /five/
