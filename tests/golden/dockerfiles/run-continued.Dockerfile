FROM box
RUN echo a \
  # a comment
  b \

  c > /out
