FROM box AS one
ONBUILD RUN echo one >> /log
ONBUILD LABEL from=one
FROM one AS two
ONBUILD RUN echo "two $X" >> /log
ONBUILD ENV X=2
FROM two AS three
RUN echo three >> /log
FROM three
RUN cat /log
