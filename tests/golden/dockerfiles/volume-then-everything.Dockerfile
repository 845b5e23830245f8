FROM box
VOLUME /v "/w"
COPY a.txt /v/
RUN echo 1 > /v/gone && ls /v
ADD d /w/
WORKDIR /v
RUN touch here; mkdir -p /x && echo 2 > /x/kept
