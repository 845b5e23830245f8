FROM box
ENV A=x \
    B=y
RUN echo one \
  two > /out
COPY a.txt \
 b.txt /d/
CMD ["a", "b"]
LABEL x=1
