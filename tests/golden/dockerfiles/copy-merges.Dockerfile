FROM box
RUN mkdir -m 700 /x && echo old > /x/one && echo stay > /x/stay && chown 9:9 /x
COPY d /x
