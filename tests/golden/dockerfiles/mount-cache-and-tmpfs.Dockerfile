FROM box
RUN mkdir /c /t
RUN --mount=type=cache,target=/c,uid=5,mode=0710 stat -c %u:%a /c > /out; echo x >> /c/f
RUN --mount=type=cache,target=/c cat /c/f >> /out; : > /c/f
RUN --mount=type=cache,target=/c,uid=5,mode=0710 cat /c/f >> /out
RUN --mount=type=tmpfs,target=/t echo x > /t/x; ls /t >> /out
