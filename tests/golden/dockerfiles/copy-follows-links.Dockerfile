FROM box
COPY to-a /x
COPY away /y
COPY away/one /z
