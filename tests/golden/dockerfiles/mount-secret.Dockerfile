FROM box
RUN mkdir -p /run/secrets && touch /run/secrets/s /k
RUN --mount=type=secret,id=s cat /run/secrets/s > /out; stat -c %a /run/secrets/s >> /out
RUN --mount=type=secret,id=s,target=/k,uid=3,mode=0444 stat -c %u:%a /k >> /out
RUN --mount=type=secret,id=none cat /run/secrets/none 2>/dev/null || echo none >> /out
