FROM box AS inner
RUN echo i > /i
FROM inner AS box
RUN echo o > /o
FROM box
RUN ls /i /o
