FROM box
MAINTAINER Some One <a@b.c>
RUN touch /x
