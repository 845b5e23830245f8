FROM box
RUN echo before; exit 42
