FROM box
ARG A=1
ARG B=2
ARG C
RUN echo $A-$B-$C > /out
ENV X=$A$B$C
