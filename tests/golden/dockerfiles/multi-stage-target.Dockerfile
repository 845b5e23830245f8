FROM box AS a
RUN echo a > /x
FROM a AS b
RUN echo b >> /x
FROM b
RUN echo c >> /x
