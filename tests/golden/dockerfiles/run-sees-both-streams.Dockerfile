FROM box
RUN echo out
RUN echo err >&2
