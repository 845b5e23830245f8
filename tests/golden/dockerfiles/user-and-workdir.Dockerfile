FROM box
USER 1000:1000
WORKDIR /home/u
RUN id -u; pwd; touch /tmp/mine
USER root
WORKDIR sub
WORKDIR ../other
RUN pwd
