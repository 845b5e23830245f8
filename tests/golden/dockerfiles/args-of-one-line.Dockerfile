FROM box
ARG A=1 B C="three words"
RUN echo "$A[$B]$C" > /out
