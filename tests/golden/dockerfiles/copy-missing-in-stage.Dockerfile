FROM box AS a
FROM box
COPY --from=a /nosuch /x
