FROM box
ARG X=arg
ENV X=env
RUN echo $X > /out
