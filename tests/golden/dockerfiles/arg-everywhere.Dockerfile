FROM box
ARG V=v1
ARG D=/dir
ARG P=81
ARG U=5:6
LABEL v=$V "l $V"="${V}x"
WORKDIR $D/w
COPY $V.txt $D/${V}-copy
ADD ${V}.txt ./
USER $U
EXPOSE $P ${P}0/udp
VOLUME $D/vol
STOPSIGNAL ${S:-SIGINT}
ENV E=$V
CMD echo $V
ENTRYPOINT ["$V"]
ONBUILD ENV O=$V
HEALTHCHECK CMD test $V
