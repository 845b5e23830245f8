FROM box AS a
ARG X=1
RUN echo $X > /a
FROM box
RUN echo "[$X]" > /b
COPY --from=a /a /a
